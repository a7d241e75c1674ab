"""The HTTP adapter against real sockets: what it passes on, what it bounds, and that nothing of it leaks."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from gateway.errors import ServiceAway, ServiceBusy
from gateway.http_connection import BrokenOff
from gateway.upstream_http import HttpUpstream
from tests.service.gateway.scripted import Request, Seen, answer, call, plain, server
from tests.support.waiting import eventually


@contextlib.asynccontextmanager
async def upstream(url: str, limit: int = 256, timeout: float = 5.0) -> AsyncIterator[HttpUpstream]:
    made = HttpUpstream(url, limit=limit, timeout=timeout)
    await made.open()
    try:
        yield made
    finally:
        await made.close()


async def test_a_call_is_sent_as_it_is_and_connections_are_used_again() -> None:
    async with server() as one, upstream(one.url + "/base/") as service:
        for number in range(50):
            seen = await call(service, f"/v1/a%20b/{number}", "POST", b"hello", query="x=%2F")
            assert (seen.status, seen.body, seen.ended) == (200, b"ok", True)
        assert one.requests[7].line == "POST /base/v1/a%20b/7?x=%2F HTTP/1.1"
        assert f"host: 127.0.0.1:{one.port}\r\n".encode() in one.requests[7].head
        assert one.requests[7].body == b"hello"
        assert one.connections == 1


async def test_concurrent_calls_do_not_mix_their_answers() -> None:
    async def echo(request: Request, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.001 * (request.number % 7))
        writer.write(answer(request.line.encode()))

    async with server(echo) as one, upstream(one.url) as service:
        paths = [f"/v1/{number}" for number in range(200)]
        answers = await asyncio.gather(*(call(service, path) for path in paths))
        assert [seen.body.split()[1].decode() for seen in answers] == paths
        assert service.open_connections <= 200


async def test_an_answer_streams_as_it_comes() -> None:
    go_on = asyncio.Event()

    async def slowly(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        await writer.drain()
        await go_on.wait()
        writer.write(b"4\r\nlast\r\n0\r\nX-Trailer: 1\r\n\r\n")

    async with server(slowly) as one, upstream(one.url) as service:
        seen = Seen()
        task = asyncio.create_task(call(service, seen=seen))
        await eventually(lambda: seen.body == b"first")
        assert not seen.ended
        go_on.set()
        await task
        assert (seen.body, seen.ended) == (b"firstlast", True)
        assert all(name != b"x-trailer" for name, _ in seen.headers)


@pytest.mark.parametrize(
    ("method", "raw", "status", "body"),
    [
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", 200, b""),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", 304, b""),
        ("POST", b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok", 201, b"ok"),
        ("GET", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, b""),
    ],
)
async def test_answers_of_every_shape(method: str, raw: bytes, status: int, body: bytes) -> None:
    async def script(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(raw)

    async with server(script) as one, upstream(one.url, timeout=1.0) as service:
        for _ in range(2):
            seen = await call(service, method=method)
            assert (seen.status, seen.body, seen.ended) == (status, body, True)


async def test_a_body_without_a_length_ends_with_the_connection() -> None:
    async def script(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nall of it")
        writer.close()

    async with server(script) as one, upstream(one.url) as service:
        assert (await call(service)).body == b"all of it"
        assert (await call(service)).body == b"all of it"
        assert one.connections == 2


async def test_a_service_that_is_not_there_is_tried_twice_and_then_away() -> None:
    async with server() as one:
        url = one.url
    async with upstream(url) as service:
        with pytest.raises(ServiceAway):
            await call(service)
        assert service.open_connections == 0


@pytest.mark.parametrize(
    ("method", "repeatable", "works"), [("GET", True, True), ("POST", True, True), ("POST", False, False)]
)
async def test_only_what_may_be_repeated_is_sent_again_over_a_new_connection(
    method: str, repeatable: bool, works: bool
) -> None:
    async def hang_up_first(request: Request, writer: asyncio.StreamWriter) -> None:
        if request.number == 1:
            writer.transport.abort()
        else:
            writer.write(answer())

    async with server(hang_up_first) as one, upstream(one.url) as service:
        await call(service)
        if works:
            assert (await call(service, method=method, repeatable=repeatable)).status == 200
        else:
            with pytest.raises(ServiceAway):
                await call(service, method=method, repeatable=repeatable)
        assert len(one.requests) == (3 if works else 2)


async def test_an_answer_that_breaks_off_never_looks_whole() -> None:
    async def script(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        await writer.drain()
        writer.transport.abort()

    async with server(script) as one, upstream(one.url) as service:
        seen = Seen()
        with pytest.raises(BrokenOff):
            await call(service, seen=seen)
        assert not seen.ended
        assert service.open_connections == 0


@pytest.mark.parametrize(
    "raw",
    [
        b"SMTP ready\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    ],
)
async def test_a_malformed_answer_is_a_service_that_is_away(raw: bytes) -> None:
    async def script(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(raw)

    async with server(script) as one, upstream(one.url, timeout=0.5) as service:
        with pytest.raises(ServiceAway):
            await call(service)
        assert service.open_connections == 0


async def test_a_second_answer_to_one_request_is_not_the_next_ones() -> None:
    async def twice(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(b"mine") + answer(b"smuggled"))

    async with server(twice) as one, upstream(one.url) as service:
        for _ in range(3):
            assert (await call(service)).body == b"mine"
        assert one.connections == 3


async def test_silence_is_bounded_and_a_trickle_is_not_silence() -> None:
    async def trickle(request: Request, writer: asyncio.StreamWriter) -> None:
        if "silent" in request.line:
            await asyncio.sleep(60)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n")
        for _ in range(8):
            writer.write(b".")
            await writer.drain()
            await asyncio.sleep(0.1)

    async with server(trickle) as one, upstream(one.url, timeout=0.3) as service:
        assert (await call(service)).body == b"........"
        started = asyncio.get_running_loop().time()
        with pytest.raises(ServiceAway):
            await call(service, "/silent")
        assert asyncio.get_running_loop().time() - started < 1.0


async def test_two_hundred_cancelled_calls_leave_nothing_behind() -> None:
    async def slow(request: Request, writer: asyncio.StreamWriter) -> None:
        if "slow" in request.line:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart")
            await writer.drain()
            await asyncio.sleep(60)
        writer.write(answer())

    async with server(slow) as one, upstream(one.url, limit=30) as service:
        for _ in range(10):
            calls = [asyncio.create_task(call(service, "/slow")) for _ in range(20)]
            await asyncio.sleep(0.01)
            for one_call in calls:
                one_call.cancel()
            await asyncio.wait(calls)
        assert service.open_connections == 0
        answers = await asyncio.gather(*(call(service) for _ in range(30)))
        assert [seen.status for seen in answers] == [200] * 30


async def test_an_answer_that_nobody_read_is_not_the_next_callers() -> None:
    """The answer had arrived whole when its caller was cancelled: its bytes once reached the next caller."""

    async def echo(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(request.line.encode()))

    async with server(echo) as one, upstream(one.url) as service:
        connection = await service._pool.acquire()
        head = b"GET /v1/somebody HTTP/1.1\r\nhost: here\r\n\r\n"
        await connection.exchange(head, b"", bodiless=False, timeout=5.0)
        await eventually(lambda: connection.complete)
        service._pool.release(connection)  # as after a cancellation at this moment
        seen = await call(service, "/v1/somebody-else")
        assert b"somebody-else" in seen.body
        assert seen.body.count(b"HTTP/1.1") == 1


async def test_too_many_calls_are_refused_at_once_and_others_go_on() -> None:
    release = asyncio.Event()

    async def wait(_: Request, writer: asyncio.StreamWriter) -> None:
        await release.wait()
        writer.write(answer())

    async with server(wait) as one, upstream(one.url, limit=2) as service:
        held = [asyncio.create_task(call(service)) for _ in range(2)]
        await eventually(lambda: len(one.requests) == 2)
        with pytest.raises(ServiceBusy):
            await call(service)
        release.set()
        await asyncio.gather(*held)
        assert (await call(service)).status == 200


async def test_a_slow_reader_slows_the_service_and_fills_no_memory() -> None:
    sent = 0

    async def flood(request: Request, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        assert request.number == 0
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n")
        for _piece in range(50):
            writer.write(b"x" * 1_000_000)
            await writer.drain()
            sent += 1_000_000

    stalled, go_on = asyncio.Event(), asyncio.Event()

    async def reader(_: bytes) -> None:
        stalled.set()
        await go_on.wait()

    async with server(flood) as one, upstream(one.url) as service:
        task = asyncio.create_task(call(service, on_chunk=reader))
        await stalled.wait()
        await asyncio.sleep(0.3)
        assert sent < 20_000_000
        go_on.set()
        assert len((await task).body) == 50_000_000


async def test_a_caller_that_hangs_up_ends_the_call() -> None:
    async def never(_: Request, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    hang_up = asyncio.Event()
    async with server(never) as one, upstream(one.url, timeout=30) as service:
        task = asyncio.create_task(call(service, hang_up=hang_up))
        await eventually(lambda: len(one.requests) == 1)
        hang_up.set()
        seen = await asyncio.wait_for(task, 3)
        assert (seen.status, seen.ended) == (0, False)
        assert service.open_connections == 0


async def test_idle_connections_are_closed_before_the_service_closes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.http_pool._IDLE", 0.2)
    async with server() as one, upstream(one.url) as service:
        await asyncio.gather(*(call(service) for _ in range(5)))
        assert service.open_connections == 5
        await eventually(lambda: service.open_connections == 0, within=2)
        await eventually(lambda: one.open_now == 0, within=2)
        assert (await call(service)).status == 200


async def test_a_service_that_restarts_is_found_again() -> None:
    async with server() as one, upstream(one.url) as service:
        assert (await call(service)).status == 200
        port = one.port
    async with upstream(f"http://127.0.0.1:{port}") as service:
        with pytest.raises(ServiceAway):
            await call(service)
        async with server(plain, port):
            assert (await call(service)).status == 200
