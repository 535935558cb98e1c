from servers import answer, serve
from tocsin.bench.asking import ask


def test_every_answer_is_timed_and_its_status_counted():
    with serve(answer(404, b"nothing")) as server:
        request = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
        # The server hangs up after each answer, so each connection asks once.
        answers = ask("127.0.0.1", server.port, [request], connections=3, seconds=60)
    assert answers.statuses == {404: 3}
    assert len(answers.took_s) == 3
