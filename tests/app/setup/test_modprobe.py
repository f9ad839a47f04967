"""What modprobe makes of the lines that several programs wrote."""

import pytest
from computers import Bench
from hypothesis import given
from hypothesis import strategies as st

from sharpened_camera.camera_setup.files import Author, author_of, modprobe_options, signed
from sharpened_camera.diagnosis.modprobe import COMMAND_LINE, Options, Planned, blacklisting, planned, read_options

OBS = Planned(-1, "OBS Virtual Camera", exclusive=True)


@pytest.fixture
def bench(tmp_path):
    bench = Bench(tmp_path)
    bench.remove("etc/modprobe.d")
    return bench


def plan_of(bench):
    return planned(read_options(bench.computer))


@pytest.mark.parametrize(
    ("line", "devices"),
    [
        ('options v4l2loopback exclusive_caps=1 card_label="OBS Virtual Camera"', [OBS]),
        (
            'options v4l2loopback video_nr=8,9 exclusive_caps="1,1" card_label="OBS Virtual Camera,Android Virtual Camera"',
            [Planned(8, "OBS Virtual Camera", exclusive=True), Planned(9, "Android Virtual Camera", exclusive=True)],
        ),
        ("options v4l2loopback devices=2", [Planned(-1, "", exclusive=False)] * 2),
        ("options v4l2loopback video_nr=3,-1,5", [Planned(number, "", exclusive=False) for number in (3, -1, 5)]),
        ("options v4l2loopback devices=99", [Planned(-1, "", exclusive=False)] * 8),
        ("options v4l2loopback devices=0 video_nr=3", []),
        ("options v4l2loopback \\\n  video_nr=0x9 exclusive_caps=Y", [Planned(9, "", exclusive=True)]),
        ('options v4l2loopback card_label="never closed', [Planned(-1, "never", exclusive=False)]),
        ("options v4l2loopback devices=many exclusive-caps=on", [Planned(-1, "", exclusive=True)]),
    ],
)
def test_lines_as_people_write_them(bench, line, devices):
    bench.write("etc/modprobe.d/a.conf", f"# options v4l2loopback video_nr=1\noptions other v4l2loopback=1\n{line}\n")
    assert plan_of(bench) == devices


def test_the_last_file_by_name_counts_for_each_parameter(bench):
    bench.write("etc/modprobe.d/z.conf", "options v4l2loopback video_nr=7\n")
    bench.write("usr/lib/modprobe.d/a.conf", "options v4l2loopback video_nr=3 exclusive_caps=1\n")
    bench.write("run/modprobe.d/readme.txt", "options v4l2loopback video_nr=1\n")
    assert plan_of(bench) == [Planned(7, "", exclusive=True)]


def test_a_file_in_etc_hides_the_one_of_the_same_name(bench):
    bench.write("usr/lib/modprobe.d/obs.conf", "options v4l2loopback video_nr=3\n")
    bench.write("etc/modprobe.d/obs.conf", "# switched off\n")
    assert read_options(bench.computer) == []


def test_the_command_line_has_the_last_word(bench):
    bench.write("etc/modprobe.d/z.conf", "options v4l2loopback video_nr=7\n")
    bench.write("proc/cmdline", 'quiet v4l2loopback.video_nr=5 root="/dev/sda 1"\n')
    assert read_options(bench.computer)[-1] == Options(COMMAND_LINE, (("video_nr", "5"),))
    assert plan_of(bench) == [Planned(5, "", exclusive=False)]


@pytest.mark.parametrize("line", ["blacklist v4l2loopback", "install v4l2loopback /bin/false", " blacklist  v4l2loopback "])
def test_what_keeps_the_module_from_being_loaded(bench, line):
    bench.write("etc/modprobe.d/b.conf", f"blacklist nouveau\n{line}\n")
    assert blacklisting(bench.computer) == "/etc/modprobe.d/b.conf"


label = st.text(st.characters(codec="ascii", categories=("L", "N"), include_characters=" .()-_"), max_size=31).map(str.strip)
devices = st.lists(st.builds(Planned, st.integers(-1, 255), label, st.booleans()), min_size=1, max_size=8)


@given(devices)
def test_what_is_written_is_read_back(tmp_path_factory, made):
    bench = Bench(tmp_path_factory.mktemp("root"))
    bench.write("etc/modprobe.d/sharpened-camera.conf", modprobe_options(made))
    assert plan_of(bench) == made


@given(st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=60), st.integers(0, 400))
def test_a_changed_file_is_known_to_be_changed(body, place):
    whole = signed(body)
    assert author_of(whole) is Author.SETUP
    assert author_of(body) in (Author.OTHER, Author.SETUP)
    changed = whole[: place % (len(whole) + 1)] + "x" + whole[place % (len(whole) + 1) :]
    assert author_of(changed) is not Author.SETUP or changed.partition("\n")[2] == body
    assert author_of(None) is Author.NOBODY
