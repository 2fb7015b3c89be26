import pytest

from nova_livemig_gpu.prediction import published


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("Tesla V100-PCIE-32GB", published.V100),
        ("NVIDIA V100", published.V100),
        ("Tesla P40", published.P40),
        ("NVIDIA A40", ()),
        ("NVIDIA P400", ()),
        ("", ()),
    ],
)
def test_by_a_word_of_the_name(name, table):
    assert published.rows(name) == table
