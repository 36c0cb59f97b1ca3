"""Our own client: asks models, in this process or through a running gateway. Knows requests and replies, no sockets."""
