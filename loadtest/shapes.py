"""The number of users over a run, according to the chosen profile."""

import time

from locust import LoadTestShape

from loadtest.profiles import PROFILES


class ProfileShape(LoadTestShape):
    """At most ``--users``, for ``--seconds``; ``--profile`` determines how many at what time."""

    use_common_options = True

    def tick(self) -> tuple[int, float] | None:
        """Number of users now, and how many may start or stop per second; None at the end."""
        assert self.runner is not None
        options = self.runner.environment.parsed_options
        assert options is not None
        gone = (time.perf_counter() - self.start_time) / options.seconds
        if gone >= 1:
            return None
        share = PROFILES[options.profile].users(gone)
        return max(1, round(share * options.num_users)), float(options.num_users)
