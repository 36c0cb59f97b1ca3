/* Mock upstream on two wires: one thread, epoll, 127.0.0.1 only (Linux).
 *
 *   cc -O2 -o mock_upstream mock_upstream.c
 *   ./mock_upstream PORT CHUNK_DELAY_US FIRST_CHUNK_US [PORT CHUNK_DELAY_US FIRST_CHUNK_US ...]
 *
 * Each port has its own pace. A POST to a path that begins with /v1/messages is an Anthropic message, any other
 * POST an OpenAI chat completion, any GET a model list.
 *   without "stream":true  one fixed JSON reply, about 950 bytes (environment PAD: length of its text)
 *   with "stream":true     "max_tokens" chunks (20 when absent), one write each; delta.content of each is
 *                          "@<CLOCK_MONOTONIC in ns> ", so that the reader can tell the age of a chunk.
 *                          With "include_usage" in the body a usage chunk follows, then [DONE].
 *                          On the other wire the same text comes as text deltas of one content block.
 * A delay of 0 means as fast as the reader takes the chunks.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_FD 8192
#define MAX_LISTEN 8
#define MAX_PAD 60000
#define JSON_HEAD "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
#define EVENT(NAME) "event: " NAME "\ndata: {\"type\":\"" NAME "\""
#define CHUNK "data: {\"id\":\"chatcmpl-mock\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"mock\",\"choices\":["

typedef struct {
    int fd, listener;
    char *in;                       /* unread request bytes */
    int in_len, in_cap;
    char *out;                      /* reply bytes not yet sent: out[out_off .. out_len) */
    int out_len, out_off, out_cap;
    int streaming, slot;            /* slot: index in active[], -1 = none */
    int chunks, sent, usage, messages;  /* messages: the request is on the Anthropic wire */
    uint64_t next;                  /* when the next chunk is due */
} Conn;

static struct { int fd; uint64_t delay, first; } listeners[MAX_LISTEN];
static int n_listeners, ep;
static Conn *conns[MAX_FD];
static int active[MAX_FD], n_active;  /* fds of connections with a stream under way */
static char plain_reply[2][1 << 16];   /* by wire: chat, messages */
static int plain_len[2];

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static void put(Conn *c, const char *s, int n) {
    if (c->out_off == c->out_len) c->out_off = c->out_len = 0;
    if (c->out_len + n > c->out_cap) {
        c->out_cap = (c->out_len + n) * 2 + 4096;
        c->out = realloc(c->out, c->out_cap);
    }
    memcpy(c->out + c->out_len, s, n);
    c->out_len += n;
}

static void put_text(Conn *c, const char *s) { put(c, s, strlen(s)); }

static void put_chunk(Conn *c, const char *s, int n) {
    char head[32];
    put(c, head, sprintf(head, "%x\r\n", n));
    put(c, s, n);
    put(c, "\r\n", 2);
}

/* 0: all sent, 1: the socket is full, -1: the connection is dead */
static int flush_out(Conn *c) {
    while (c->out_off < c->out_len) {
        int r = send(c->fd, c->out + c->out_off, c->out_len - c->out_off, MSG_NOSIGNAL);
        if (r < 0) return errno == EAGAIN ? 1 : -1;
        c->out_off += r;
    }
    c->out_off = c->out_len = 0;
    return 0;
}

static void want_write(Conn *c, int on) {
    struct epoll_event e = {.events = EPOLLIN | (on ? EPOLLOUT : 0), .data.fd = c->fd};
    epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &e);
}

static void end_stream(Conn *c) {
    c->streaming = 0;
    if (c->slot < 0) return;
    int last = active[--n_active];
    active[c->slot] = last;
    conns[last]->slot = c->slot;
    c->slot = -1;
}

static void close_conn(Conn *c) {
    end_stream(c);
    close(c->fd);
    conns[c->fd] = NULL;
    free(c->in);
    free(c->out);
    free(c);
}

/* the same on the Anthropic wire: the events before the first delta go out with it, those behind the last in one write */
static int next_event(Conn *c) {
    char b[1024];
    if (c->sent == 0)
        put_chunk(c, b, sprintf(b, EVENT("message_start") ",\"message\":{\"id\":\"msg_mock\",\"type\":\"message\","
                                "\"role\":\"assistant\",\"model\":\"mock\",\"content\":[],\"stop_reason\":null,"
                                "\"stop_sequence\":null,\"usage\":{\"input_tokens\":10,\"output_tokens\":1}}}\n\n"
                                EVENT("content_block_start") ",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n"));
    if (c->sent < c->chunks) {
        put_chunk(c, b, sprintf(b, EVENT("content_block_delta") ",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"@%llu \"}}\n\n",
                                (unsigned long long)now()));
        c->sent++;
        return flush_out(c);
    }
    put_chunk(c, b, sprintf(b, EVENT("content_block_stop") ",\"index\":0}\n\n"
                            EVENT("message_delta") ",\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":null},"
                            "\"usage\":{\"input_tokens\":10,\"output_tokens\":%d}}\n\n"
                            EVENT("message_stop") "}\n\n", c->chunks));
    put_text(c, "0\r\n\r\n");
    end_stream(c);
    return flush_out(c);
}

/* send the stream's next chunk, or its end; result as flush_out */
static int next_chunk(Conn *c) {
    char b[512];
    int n;
    if (c->messages) return next_event(c);
    if (c->sent < c->chunks) {
        n = sprintf(b, CHUNK "{\"index\":0,\"delta\":{%s\"content\":\"@%llu \"},\"finish_reason\":null}]}\n\n",
                    c->sent == 0 ? "\"role\":\"assistant\"," : "", (unsigned long long)now());
        c->sent++;
        put_chunk(c, b, n);
        return flush_out(c);
    }
    put_chunk(c, b, sprintf(b, CHUNK "{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"));
    if (c->usage) {
        n = sprintf(b, CHUNK "],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":%d,\"total_tokens\":%d}}\n\n",
                    c->chunks, c->chunks + 10);
        put_chunk(c, b, n);
    }
    put_text(c, "e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n");
    end_stream(c);
    return flush_out(c);
}

static int has(const char *body, int n, const char *word) { return memmem(body, n, word, strlen(word)) != NULL; }

static int number_after(const char *body, int n, const char *word, int otherwise) {
    const char *p = memmem(body, n, word, strlen(word));
    return p ? atoi(p + strlen(word)) : otherwise;
}

static int answer(Conn *c, const char *body, int n) {
    c->messages = !strncmp(c->in, "POST /v1/messages", 17);
    if (c->in[0] == 'G') {
        char list[128], reply[256];
        sprintf(list, "{\"object\":\"list\",\"data\":[{\"id\":\"%s\",\"object\":\"model\",\"created\":1,\"owned_by\":\"mock\"}]}",
                c->listener ? "paced" : "mock");
        put(c, reply, sprintf(reply, JSON_HEAD "%s", (int)strlen(list), list));
    } else if (has(body, n, "\"stream\":true") || has(body, n, "\"stream\": true")) {
        c->chunks = number_after(body, n, "max_tokens\":", number_after(body, n, "max_completion_tokens\":", 20));
        c->usage = has(body, n, "include_usage");
        c->sent = 0;
        put_text(c, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
                    "Transfer-Encoding: chunked\r\n\r\n");
        c->streaming = 1;
        c->slot = n_active;
        active[n_active++] = c->fd;
        c->next = now() + listeners[c->listener].first;
    } else {
        put(c, plain_reply[c->messages], plain_len[c->messages]);
    }
    int r = flush_out(c);
    if (r == 1) want_write(c, 1);
    return r;
}

/* answer the complete requests in the input buffer; -1: close the connection */
static int handle(Conn *c) {
    while (!c->streaming) {
        char *end = c->in_len >= 4 ? memmem(c->in, c->in_len, "\r\n\r\n", 4) : NULL;
        if (!end) return 0;
        int head = end - c->in + 4, total;
        *end = 0;
        char *p = strcasestr(c->in, "\ncontent-length:");
        int length = p ? atoi(p + 16) : 0;
        int chunked = strcasestr(c->in, "\ntransfer-encoding: chunked") != NULL;
        int expects = strcasestr(c->in, "\nexpect: 100") != NULL;
        *end = '\r';
        if (chunked) {
            char *z = memmem(c->in + head, c->in_len - head, "0\r\n\r\n", 5);
            if (!z) return 0;
            total = z - c->in + 5;
        } else {
            if (expects && length && c->in_len == head) {
                put_text(c, "HTTP/1.1 100 Continue\r\n\r\n");
                if (flush_out(c) < 0) return -1;
            }
            total = head + length;
            if (c->in_len < total) return 0;
        }
        if (answer(c, c->in + head, total - head) < 0) return -1;
        memmove(c->in, c->in + total, c->in_len - total);
        c->in_len -= total;
    }
    return 0;
}

static void accept_all(int listener) {
    int fd, one = 1;
    while ((fd = accept4(listeners[listener].fd, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        if (fd >= MAX_FD) {
            close(fd);
            continue;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        Conn *c = conns[fd] = calloc(1, sizeof *c);
        c->fd = fd;
        c->listener = listener;
        c->slot = -1;
        c->in_cap = 8192;
        c->in = malloc(c->in_cap + 1);
        struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
        epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
    }
}

/* 0: read what there was, -1: the connection is dead */
static int read_all(Conn *c) {
    for (;;) {
        if (c->in_cap - c->in_len < 4096) c->in = realloc(c->in, (c->in_cap *= 2) + 1);
        int want = c->in_cap - c->in_len, r = recv(c->fd, c->in + c->in_len, want, 0);
        if (r == 0) return -1;
        if (r < 0) return errno == EAGAIN ? 0 : -1;
        c->in_len += r;
        c->in[c->in_len] = 0;
        if (r < want) return 0;
    }
}

static void run_streams(void) {
    uint64_t t = now();
    for (int i = n_active - 1; i >= 0; i--) {
        if (i >= n_active) continue;
        Conn *c = conns[active[i]];
        uint64_t delay = listeners[c->listener].delay;
        int burst = delay ? 64 : 8;     /* chunks per turn, so that no stream starves the others */
        while (burst-- > 0 && c->streaming && c->out_off == c->out_len && c->next <= t) {
            int r = next_chunk(c);
            c->next = delay ? c->next + delay : t;
            if (r < 0) {
                close_conn(c);
                c = NULL;
                break;
            }
            if (r == 1) want_write(c, 1);
        }
        if (c && !c->streaming && c->in_len && handle(c) < 0) close_conn(c);
    }
}

static int listen_on(int port) {
    int one = 1, s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(s, (void *)&a, sizeof a) || listen(s, 4096)) {
        perror("bind");
        exit(1);
    }
    return s;
}

static void make_plain_replies(void) {
    int pad = getenv("PAD") ? atoi(getenv("PAD")) : 700;
    if (pad < 0 || pad > MAX_PAD) pad = MAX_PAD;
    char *text = malloc(pad + 1), *body = malloc(pad + 1000);
    for (int i = 0; i < pad; i++) text[i] = i % 6 == 5 ? ' ' : 'x';
    text[pad] = 0;
    int n = sprintf(body, "{\"id\":\"chatcmpl-mock\",\"object\":\"chat.completion\",\"created\":1700000000,\"model\":\"mock\","
                          "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"%s\"},\"finish_reason\":\"stop\"}],"
                          "\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":150,\"total_tokens\":160}}", text);
    plain_len[0] = sprintf(plain_reply[0], JSON_HEAD "%s", n, body);
    n = sprintf(body, "{\"id\":\"msg_mock\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"mock\","
                      "\"content\":[{\"type\":\"text\",\"text\":\"%s\"}],\"stop_reason\":\"end_turn\",\"stop_sequence\":null,"
                      "\"usage\":{\"input_tokens\":10,\"output_tokens\":150}}", text);
    plain_len[1] = sprintf(plain_reply[1], JSON_HEAD "%s", n, body);
    free(text);
    free(body);
}

int main(int argc, char **argv) {
    if (argc < 4 || (argc - 1) % 3 || (argc - 1) / 3 > MAX_LISTEN) {
        fprintf(stderr, "usage: %s PORT CHUNK_DELAY_US FIRST_CHUNK_US ...\n", argv[0]);
        return 2;
    }
    make_plain_replies();
    ep = epoll_create1(0);
    for (int a = 1; a < argc; a += 3) {
        int i = n_listeners++;
        listeners[i].fd = listen_on(atoi(argv[a]));
        listeners[i].delay = atol(argv[a + 1]) * 1000ull;
        listeners[i].first = atol(argv[a + 2]) * 1000ull;
        struct epoll_event e = {.events = EPOLLIN, .data.fd = listeners[i].fd};
        epoll_ctl(ep, EPOLL_CTL_ADD, listeners[i].fd, &e);
    }
    struct epoll_event events[512];
    for (;;) {
        uint64_t due = ~0ull, t = now();
        for (int i = 0; i < n_active; i++) {
            Conn *c = conns[active[i]];
            if (c->out_off == c->out_len && c->next < due) due = c->next;
        }
        uint64_t wait = due > t ? due - t : 0;
        struct timespec ts = {wait / 1000000000ull, wait % 1000000000ull};
        int n = epoll_pwait2(ep, events, 512, due == ~0ull ? NULL : &ts, NULL);
        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd, listener = -1;
            for (int k = 0; k < n_listeners; k++)
                if (listeners[k].fd == fd) listener = k;
            if (listener >= 0) {
                accept_all(listener);
                continue;
            }
            Conn *c = conns[fd];
            if (!c) continue;
            if (events[i].events & EPOLLOUT) {
                int r = flush_out(c);
                if (r < 0) {
                    close_conn(c);
                    continue;
                }
                if (r == 0) want_write(c, 0);
            }
            if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
                if (read_all(c) < 0 || handle(c) < 0) close_conn(c);
        }
        if (n_active) run_streams();
    }
}
