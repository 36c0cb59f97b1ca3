"""Images, documents, sound and films: carried as they are, or refused in words before anything is sent."""

from base64 import b64encode
from collections.abc import Collection

import pytest

from hostler.core.messages import Media
from hostler.core.wires import ANTHROPIC, DASHSCOPE, GEMINI, OLLAMA, OPENAI_CHAT, OPENAI_RESPONSES, WIRES, Wire
from hostler.errors import Unsupported, UpstreamRefused
from hostler.providers.fake.script import Reply
from tests.contract.case import Place, case
from tests.contract.talk import Talk, user

SEES = {DASHSCOPE: Place(model="qwen3-vl")}
HEARS = {DASHSCOPE: Place(model="qwen-audio")}
SEEN = Reply(text="I see.")
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PDF = "JVBERi0xLjQKMSAwIG9iago8PD4+CmVuZG9iagp0cmFpbGVyCjw8Pj4KJSVFT0YK"
WAV = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA="
MP4 = "AAAAGGZ0eXBtcDQyAAAAAG1wNDJpc29t"


async def is_carried(talk: Talk, media: Media, *, mark: str, by: Collection[Wire]) -> None:
    """A medium between two texts arrives once, in its place, over these wires; over the others it is refused."""
    message = user("Before:", media, "Behind.")
    if talk.wire not in by:
        with pytest.raises(Unsupported) as told:
            await talk.ask(message)
        assert told.value.status == 400 and (media.kind in told.value.text.lower() or media.url) and told.value.hint
        assert talk.received == []
        return
    assert (await talk.ask(message)).text == "I see."
    assert talk.sent.count(mark) == 1 and talk.sent.index("Before:") < talk.sent.index("Behind.")
    if talk.wire != OLLAMA:  # whose images stand beside the text, in no order
        assert talk.sent.index("Before:") < talk.sent.index(mark) < talk.sent.index("Behind.")
    assert await talk.dropped() == set()


@case(SEEN, shows="image", at=SEES)
async def test_an_image(talk: Talk) -> None:
    await is_carried(talk, Media(kind="image", media_type="image/png", data=PNG), mark=PNG, by=WIRES)


@case(SEEN, shows="image", at=SEES)
async def test_an_image_by_url(talk: Talk) -> None:
    url = "https://pictures.test/horse.png"
    by = (OPENAI_CHAT, OPENAI_RESPONSES, ANTHROPIC, GEMINI, DASHSCOPE)
    await is_carried(talk, Media(kind="image", url=url), mark=url, by=by)


@case(SEEN, shows="image", at=SEES)
async def test_images_in_their_order(talk: Talk) -> None:
    shown = [Media(kind="image", media_type="image/png", data=data) for data in (PNG, PNG[:60] + PNG[60:].lower())]
    message = user("First:", shown[0], "Second:", shown[1])
    assert (await talk.ask(message)).text == "I see."
    places = [talk.sent.index(media.data or "") for media in shown]
    assert places == sorted(places)


@case(SEEN, shows="image", at=SEES)
async def test_an_image_alone(talk: Talk) -> None:
    assert (await talk.ask(user(Media(kind="image", media_type="image/png", data=PNG)))).text == "I see."
    assert talk.sent.count(PNG) == 1


@case(SEEN, shows="PDF", at=SEES)
async def test_a_pdf(talk: Talk) -> None:
    by = (OPENAI_CHAT, OPENAI_RESPONSES, ANTHROPIC, GEMINI)
    await is_carried(talk, Media(kind="document", media_type="application/pdf", data=PDF), mark=PDF, by=by)


@case(SEEN, shows="PDF", at=SEES)
async def test_a_pdf_by_url(talk: Talk) -> None:
    url = "https://papers.test/horses.pdf"
    by = (OPENAI_RESPONSES, ANTHROPIC, GEMINI)
    await is_carried(talk, Media(kind="document", media_type="application/pdf", url=url), mark=url, by=by)


@case(SEEN, shows="PDF", at=SEES)
async def test_a_document_that_is_text(talk: Talk) -> None:
    text = "Horses sleep standing."
    media = Media(kind="document", media_type="text/plain", text=text)
    assert (await talk.ask(user("Before:", media, "Behind."))).text == "I see."
    shown = b64encode(text.encode()).decode() if talk.wire == GEMINI else text
    assert talk.sent.count(shown) == 1
    assert talk.sent.index("Before:") < talk.sent.index(shown) < talk.sent.index("Behind.")


@case(SEEN, shows="audio", at=HEARS)
async def test_sound(talk: Talk) -> None:
    by = (OPENAI_CHAT, OPENAI_RESPONSES, GEMINI, OLLAMA, DASHSCOPE)
    await is_carried(talk, Media(kind="audio", media_type="audio/wav", data=WAV), mark=WAV, by=by)


@case(SEEN, shows="audio", at=SEES)
async def test_a_film(talk: Talk) -> None:
    film = Media(kind="video", media_type="video/mp4", data=MP4)
    if talk.wire == OPENAI_CHAT:  # it has no published form there, but one that many servers take
        with pytest.raises(UpstreamRefused, match="video_url"):
            await talk.ask(user(film))
    else:
        await is_carried(talk, film, mark=MP4, by=(GEMINI, DASHSCOPE))
