import os
import signal
import subprocess
import sys

import psutil
import pytest

from sharpen_train.errors import DataError, TrainError
from sharpen_train.evaluation.crew import Crew


def square(number):
    if number < 0:
        raise DataError("no negative numbers", "Give others.")
    return number * number, os.getpid()


def vanish(code):
    os._exit(code)


@pytest.fixture(scope="module")
def two():
    with Crew(2) as crew:
        yield crew


@pytest.mark.parametrize("processes", [1, 2])
def test_results_come_in_order_and_each_is_counted(processes, two):
    counted = []
    crew = two if processes == 2 else Crew(1)
    results = crew.map(square, range(9), lambda: counted.append(1))
    assert [value for value, _ in results] == [number**2 for number in range(9)]
    assert len(counted) == 9
    assert ({pid for _, pid in results} == {os.getpid()}) == (processes == 1)


def test_an_error_of_a_process_is_raised_here_with_its_hint(two):
    with pytest.raises(DataError, match="no negative numbers") as caught:
        two.map(square, [1, -1], lambda: None)
    assert caught.value.hint == "Give others"


def test_a_killed_process_is_told():
    with pytest.raises(TrainError, match="was killed"), Crew(2) as crew:
        crew.map(vanish, [9], lambda: None)


WORK = """
import signal, time
from sharpen_train.evaluation.crew import Crew
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # tests that run in the background inherit that it is ignored
    with Crew(2) as crew:
        crew.map(abs, [1, 2, 3], lambda: print("one", flush=True))
        crew.map(time.sleep, [600, 600, 600], lambda: None)
"""


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGKILL])
def test_processes_end_with_their_parent_and_say_nothing(tmp_path, kind):
    script = tmp_path / "work.py"
    script.write_text(WORK, encoding="utf-8")
    command = [sys.executable, str(script)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", start_new_session=True) as process:
        assert [process.stdout.readline() for _ in range(3)] == ["one\n"] * 3
        workers = psutil.Process(process.pid).children(recursive=True)
        assert len(workers) >= 2
        os.killpg(process.pid, kind) if kind == signal.SIGINT else process.kill()
        _, errors = process.communicate(timeout=60)
    _, alive = psutil.wait_procs(workers, timeout=30)
    assert not alive
    assert errors.count("Traceback") == (1 if kind == signal.SIGINT else 0)  # the script's own: `sharpen-train` catches it
