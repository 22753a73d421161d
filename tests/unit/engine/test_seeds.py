import random
from hashlib import sha256

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from robustkit import ConfigError, Keys
from robustkit.engine.philox import numpy_words, philox4x64, tensor_words

# Random123 (Salmon et al. 2011), tests/kat_vectors: the lines `philox4x64 10` (counter, key, result).
KNOWN_ANSWERS = [
    (
        "0000000000000000 0000000000000000 0000000000000000 0000000000000000",
        "0000000000000000 0000000000000000",
        "16554d9eca36314c db20fe9d672d0fdc d7e772cee186176b 7e68b68aec7ba23b",
    ),
    (
        "ffffffffffffffff ffffffffffffffff ffffffffffffffff ffffffffffffffff",
        "ffffffffffffffff ffffffffffffffff",
        "87b092c3013fe90b 438c3c67be8d0224 9cc7d7c69cd777b6 a09caebf594f0ba0",
    ),
    (
        "243f6a8885a308d3 13198a2e03707344 a4093822299f31d0 082efa98ec4e6c89",
        "452821e638d01377 be5466cf34e90c6c",
        "a528f45403e61d95 38c72dbd566e9788 a5a1610e72fd18b5 57bd43b5e52b7fe6",
    ),
]
WORD = st.integers(0, 2**64 - 1)
ID = st.integers(-(2**63), 2**63 - 1)


def make_keys(ids, **changes):
    fields = {"seed": 3, "stream": "corruptions/noise", "version": 1, "ids": torch.as_tensor(ids, dtype=torch.int64)}
    return Keys(**{**fields, **changes})


def parse(words):
    return [int(word, 16) for word in words.split()]


def as_int64(words):
    return torch.from_numpy(np.array(words, dtype=np.uint64).view(np.int64))


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN_ANSWERS)
def test_philox_gives_the_known_answers(counter, key, answer):
    words = philox4x64(tuple(as_int64(parse(counter))), tuple(parse(key)))
    assert [f"{int(word) % 2**64:016x}" for word in words] == answer.split()


@settings(deadline=None, max_examples=50)
@given(key=st.tuples(WORD, WORD), ids=st.lists(ID, max_size=4), n=st.integers(0, 13))
def test_tensor_operations_and_numpy_give_the_same_bits(key, ids, n):
    ids = torch.tensor(ids, dtype=torch.int64)
    words = tensor_words(key, ids, n)
    assert words.shape == (len(ids), n)
    assert torch.equal(words, numpy_words(key, ids, n))


@pytest.mark.gpu
def test_words_on_cuda_equal_words_on_the_cpu():
    on_cpu = make_keys([0, 5, 2**40])
    on_cuda = make_keys(on_cpu.ids.cuda())
    assert torch.equal(on_cuda.words(1001).cpu(), on_cpu.words(1001))
    assert torch.equal(on_cuda.uniform(1001, bits=32).cpu(), on_cpu.uniform(1001, bits=32))
    assert torch.allclose(on_cuda.normal(1001).cpu(), on_cpu.normal(1001), atol=1e-12)


DRAWS = [
    lambda keys: keys.words(7),
    lambda keys: keys.halves(7),
    lambda keys: keys.uniform(3, 5),
    lambda keys: keys.uniform(3, 5, bits=32),
    lambda keys: keys.normal(3, 7, 11),
    lambda keys: keys.normal(3, 7, 11, bits=32),
    lambda keys: keys.normal(1),
    lambda keys: keys.integers(-4, 4, 9),
]


@pytest.mark.parametrize("draw", DRAWS)
def test_a_sample_gets_the_same_numbers_in_any_batch(draw):
    keys = make_keys(range(17))
    batch = draw(keys)
    order = torch.tensor([16, 3, 0, 9])
    assert torch.equal(draw(keys.rows(order)), batch[order])
    assert torch.equal(draw(keys.rows(slice(5, 6))), batch[5:6])
    assert torch.equal(draw(keys), batch)


@pytest.mark.parametrize(
    "changes",
    [{"seed": 4}, {"stream": "corruptions/fog"}, {"version": 2}, {"replicate": 1}, {"ids": [8]}],
)
def test_every_part_of_the_name_changes_the_numbers(changes):
    assert not torch.equal(make_keys(**{"ids": [7], **changes}).words(4), make_keys([7]).words(4))


def test_children_are_independent_of_their_parent_and_of_each_other():
    keys = make_keys([7])
    family = [keys, keys.child("a"), keys.child("b"), keys.child("a").child("b"), keys.child("ab"), keys.child('a","b')]
    words = {tuple(member.words(4)[0].tolist()) for member in family}
    assert len(words) == len(family)
    parent, child = make_keys(range(200)).normal(50), make_keys(range(200)).child("a").normal(50)
    assert abs(np.corrcoef(parent.flatten(), child.flatten())[0, 1]) < 4 / np.sqrt(parent.numel())


def test_shorter_draws_are_the_beginning_of_longer_ones():
    keys = make_keys([1, 2])
    assert torch.equal(keys.uniform(10)[:, :3], keys.uniform(3))
    assert torch.equal(keys.uniform(10, bits=32)[:, :3], keys.uniform(3, bits=32))


def test_halves_are_those_of_the_words_the_lower_first():
    keys = make_keys([1, 2])
    words, halves = keys.words(2).numpy().view(np.uint64), keys.halves(3).numpy().view(np.uint32)
    assert halves.tolist() == [[int(a) % 2**32, int(a) >> 32, int(b) % 2**32] for a, b in words]
    expected = (halves.astype(np.int64) + 2**31) % 2**32 / 2**32
    assert keys.uniform(3, bits=32).tolist() == expected.tolist()


@pytest.mark.parametrize("bits", [32, 53])
def test_uniforms_are_uniform(bits):
    draws = make_keys(range(500)).uniform(400, bits=bits).flatten()
    assert draws.dtype == torch.float64
    assert 0 <= draws.min() < 1e-4
    assert 1 - 1e-4 < draws.max() < 1
    assert stats.kstest(draws, "uniform").pvalue > 1e-3
    # neighbouring words and neighbouring samples are not correlated
    table = draws.reshape(500, 400)
    assert abs(np.corrcoef(table[:, :-1].flatten(), table[:, 1:].flatten())[0, 1]) < 4 / np.sqrt(table.numel())
    assert abs(np.corrcoef(table[:-1].flatten(), table[1:].flatten())[0, 1]) < 4 / np.sqrt(table.numel())


@pytest.mark.parametrize("bits", [32, 53])
def test_normals_are_normal(bits):
    draws = make_keys(range(500)).normal(401, bits=bits).flatten().numpy()
    assert stats.kstest(draws, "norm").pvalue > 1e-3
    error = 1 / np.sqrt(len(draws))
    assert abs(draws.mean()) < 4 * error
    assert abs(draws.var() - 1) < 4 * np.sqrt(2) * error
    assert abs(stats.skew(draws)) < 4 * np.sqrt(6) * error
    assert abs(stats.kurtosis(draws)) < 4 * np.sqrt(24) * error


def test_the_tests_of_distribution_notice_a_wrong_scale():
    draws = 1.02 * make_keys(range(500)).normal(401).flatten().numpy()
    assert abs(draws.var() - 1) > 4 * np.sqrt(2 / len(draws))


def test_integers_fill_their_range_evenly():
    draws = make_keys(range(500)).integers(-2, 3, 400).flatten()
    counts = torch.bincount(draws + 2, minlength=5)
    assert len(counts) == 5
    assert stats.chisquare(counts).pvalue > 1e-3
    assert make_keys([0]).integers(7, 8, 3).tolist() == [[7, 7, 7]]


@pytest.mark.parametrize(("low", "high"), [(3, 3), (3, 2), (0, 2**33)])
def test_integers_refuse_an_empty_or_too_wide_range(low, high):
    with pytest.raises(ConfigError, match=f"low={low}, high={high}"):
        make_keys([0]).integers(low, high, 1)


@pytest.mark.parametrize("ids", [torch.tensor([0.5]), torch.tensor([[1]]), torch.tensor([1], dtype=torch.int32)])
def test_ids_of_another_form_are_refused(ids):
    with pytest.raises(ConfigError, match=r"Keys.ids: expected \(N,\) torch.int64"):
        Keys(seed=0, stream="a/b", version=1, ids=ids)


def test_no_samples_give_no_numbers():
    assert make_keys([]).normal(3, 2).shape == (0, 3, 2)
    assert make_keys([4]).normal(0, 2).shape == (1, 0, 2)


@pytest.fixture
def global_generators():
    """Return a function that reads the states of all global generators; they are put back after the test."""
    states = torch.get_rng_state(), np.random.get_state(), random.getstate()
    yield lambda: (torch.get_rng_state().tolist(), np.random.get_state()[1].tolist(), random.getstate())
    torch.set_rng_state(states[0])
    np.random.set_state(states[1])
    random.setstate(states[2])


def test_no_global_generator_is_read_or_moved(global_generators):
    before = global_generators()
    first = make_keys([1]).normal(5)
    assert global_generators() == before
    torch.manual_seed(123)
    np.random.seed(123)
    random.seed(123)
    assert torch.equal(make_keys([1]).normal(5), first)


def test_the_stream_is_frozen():
    """A promise: changing how keys are made changes this test and every `stream_version`."""
    digest = sha256(b'[3,"corruptions/noise",1,2,["a"]]').digest()
    philox = np.random.Philox(key=np.frombuffer(digest[:16], "<u8"), counter=[0, 0, 7, 0])
    words = make_keys([7], replicate=2).child("a").words(5)[0]
    assert torch.equal(words, as_int64(philox.random_raw(5)))
