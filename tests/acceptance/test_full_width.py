"""One true update of the widest networks at the size the paper's authors had, for each variant."""

import pytest
import torch
from test_paper_scale import BIG, STUDIES, one_update


@pytest.mark.parametrize(("study", "variant"), [case for case in STUDIES if case[0] in BIG])
def test_one_update(study: str, variant: str) -> None:
    torch.set_num_threads(2)
    one_update(study, variant)
