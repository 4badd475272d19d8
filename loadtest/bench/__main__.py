"""``python -m loadtest.bench [--only topic] [--quick] [--repeats N]``: all topics, side by side."""

from typing import Final

from loadtest.bench import analyst, growth, history, http, http_matrix, journal, late, machine, mailbox
from loadtest.bench.command import Topic, run_topics

TOPICS: Final[dict[str, Topic]] = {
    "http": http.measure,
    "matrix": http_matrix.measure,
    "mailbox": mailbox.measure,
    "machine": machine.measure,
    "journal": journal.measure,
    "growth": growth.measure,
    "history": history.measure,
    "late": late.measure,
    "analyst": analyst.measure,
}

if __name__ == "__main__":
    run_topics(TOPICS, __doc__)
