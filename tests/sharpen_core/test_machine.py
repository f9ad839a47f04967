import pytest

from sharpen_core.machine import this_processor, usable_cores

X86 = "processor\t: 0\nmodel name\t: AMD EPYC\nflags\t\t: fpu avx2 avx512f avx512_vnni avx512_bf16\n\nprocessor\t: 1\n"
ARM = "processor\t: 0\nFeatures\t: fp asimd bf16 i8mm\n"


@pytest.mark.parametrize(
    ("text", "features"),
    [(X86, ("avx2", "avx512", "vnni", "bf16")), (ARM, ("bf16", "neon", "i8mm")), ("", ()), ("rubbish without a colon\n:::\n", ())],
)
def test_features_that_matter(text: str, features: tuple[str, ...]) -> None:
    processor = this_processor(lambda: text)
    assert processor.features == features
    assert processor.name == "AMD EPYC" or text is not X86


def test_a_system_that_does_not_tell() -> None:
    def refuse() -> str:
        raise OSError

    processor = this_processor(refuse)
    assert processor.features == ()
    assert processor.cores == usable_cores() >= 1
