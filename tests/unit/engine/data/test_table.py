"""Tables of labelled texts: what is read, and what is refused with the line."""

from __future__ import annotations

import csv
import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robustkit.engine.data import is_table, open_table
from robustkit.errors import ConfigError, DataError


@pytest.fixture
def table(tmp_path):
    """Writes bytes or text as a file, and returns its path."""

    def write(content, name="t.tsv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def texts_of(dataset):
    return dataset.read(np.arange(len(dataset.labels)))


def test_whole_numbers_from_0_are_the_class_indices(table):
    data = open_table(table("label\tsentence\n1\tgood\n0\tbad\n2\tso so\n"))
    assert data.labels.tolist() == [1, 0, 2]
    assert data.labels.dtype == np.int64
    assert data.class_names == ()
    assert texts_of(data) == ["good", "bad", "so so"]


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (["spam", "ham"], ("ham", "spam")),
        (["1", "2"], ("1", "2")),
        (["4", "0"], ("0", "4")),
        (["10", "9", "-1"], ("-1", "10", "9")),
        (["10", "9", "2"], ("2", "9", "10")),
        (["0.0", "1.0"], ("0.0", "1.0")),
        (["00", "01"], ("00", "01")),
        (["9" * 5000, "1" + "0" * 5000, "7"], ("7", "9" * 5000, "1" + "0" * 5000)),  # int takes 4,300 digits
    ],
)
def test_other_labels_are_names(table, labels, names):
    data = open_table(table("label\ttext\n" + "".join(f"{label}\tt\n" for label in labels)))
    assert data.class_names == names
    assert [data.class_names[index] for index in data.labels] == labels


def test_tab_separated_files_have_no_quoting(table):
    data = open_table(table('text\tlabel\n"it \'s , "\t0\nsay "no\t1\n'))
    assert texts_of(data) == ['"it \'s , "', 'say "no']


def test_comma_separated_files_have_the_usual_quoting(table):
    data = open_table(table('label,text\n0,"a, ""b"""\n1,"two\nlines"\n0,plain\n', "t.csv"))
    assert texts_of(data) == ['a, "b"', "two\nlines", "plain"]


def test_a_field_may_be_longer_than_pythons_own_limit(table):
    before = csv.field_size_limit()
    long = "x" * (before + 1)
    assert texts_of(open_table(table(f"label,text\n0,{long}\n1,b\n", "t.csv"))) == [long, "b"]
    assert csv.field_size_limit() == before


def test_texts_stand_as_they_are_and_labels_are_trimmed(table):
    data = open_table(table("label\ttext\n ham \t  spaced  \nham\tA\u2028B\x85C\n"))
    assert texts_of(data) == ["  spaced  ", "A\u2028B\x85C"]
    assert data.class_names == ("ham",)


@pytest.mark.parametrize("name", ["t.tsv", "t.csv"])
def test_a_byte_order_mark_and_other_line_ends_do_not_matter(table, name):
    separator = "," if name.endswith("csv") else "\t"
    plain = f"label{separator}text\n0{separator}é\n1{separator}b\n"
    expected = open_table(table(plain, name))
    for other in (plain.replace("\n", "\r\n"), "\ufeff" + plain, plain.rstrip("\n"), plain + "\r\n\n"):
        found = open_table(table(other, name))
        assert found.fingerprint() == expected.fingerprint()
        assert texts_of(found) == ["é", "b"]


def test_the_columns_are_found_by_their_usual_names(table):
    rows = "id\tText \tn\tCategory\n7\ta\t0\tx\n"
    assert texts_of(open_table(table(rows))) == ["a"]


def test_columns_may_be_named_or_numbered(table):
    path = table("who\tsays\tlabel\tgrade\nme\thello\t0\tz\nyou\tbye\t1\ty\n")
    for text, label in (("says", "grade"), ("2", "grade"), ("says", "4")):
        data = open_table(path, text_column=text, label_column=label)
        assert texts_of(data) == ["hello", "bye"]
        assert data.class_names == ("y", "z")


def test_two_numbers_mean_that_the_first_line_is_a_sample(table):
    data = open_table(table("ham\tOk lar\nspam\tWin!\n"), text_column="2", label_column="1")
    assert texts_of(data) == ["Ok lar", "Win!"]


@pytest.mark.parametrize(
    ("content", "options", "message", "hint"),
    [
        ("a\tb\n1\t2\n", {}, "no column of texts among 'a', 'b'", "--text-column 2 --label-column 1"),
        ("text\tb\n1\t2\n", {}, "no column of labels among 'text', 'b'", "name it with --label-column"),
        ("text\tbody\tlabel\n1\t2\t0\n", {}, "'text' and 'body' could both hold the texts", "--text-column"),
        ("text\tlabel\n1\t0\n", {"text_column": "txt"}, "there is no column 'txt'", "did you mean 'text'?"),
        ("text\tlabel\n1\t0\n", {"label_column": "zzz"}, "there is no column 'zzz'", "line 1 has 'text', 'label'"),
        ("text\tlabel\n1\t0\n", {"text_column": "label"}, "both mean column 2", "line 1 has"),
        ("text\tlabel\n1\t0\n", {"text_column": "3"}, "expected a number from 1 to 2", "line 1 has"),
        ("text\tlabel\n1\t0\n", {"text_column": "0"}, "expected a number from 1 to 2", "line 1 has"),
        ("text\tlabel\n1\t0\n", {"text_column": "9" * 5000}, "expected a number from 1 to 2", "line 1 has"),
        ("x\tx\tlabel\n1\t2\t0\n", {"text_column": "x"}, "columns 1 and 2 are both called 'x'", "number"),
        ("text\tlabel\n1\t0\n", {"text_column": "1", "label_column": "2"}, "it holds the name 'text'", "leave both"),
        ("label,text\n0,a\n", {}, "line 1 has one field: 'label,text'", "by commas in .csv"),
    ],
)
def test_unclear_columns_are_refused_with_advice(table, content, options, message, hint):
    with pytest.raises(ConfigError) as caught:
        open_table(table(content), **options)
    assert message in caught.value.message
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("content", "name", "message", "hint"),
    [
        ("label\ttext\n0\ta\n1\n", "t.tsv", "line 3: expected 2 fields as in line 1, got 1", "mend the row"),
        ("label\ttext\n0\ta\tb\n", "t.tsv", "line 2: expected 2 fields as in line 1, got 3", "mend the row"),
        ('label,text\n0,"a\nb"\n1\n', "t.csv", "line 4: expected 2 fields", "mend the row"),
        ("label\ttext\n0\ta\n0\t\n", "t.tsv", "line 3: expected a text, got an empty field", "remove the row"),
        ("label\ttext\n0\t  \n", "t.tsv", "line 2: expected a text, got an empty field", "remove the row"),
        ("label\ttext\n \ta\n", "t.tsv", "line 2: expected a label, got an empty field", "remove the row"),
        ("label\ttext\n0\ta\n\n1\tb\n", "t.tsv", "line 3: expected a row, got an empty line", "remove the line"),
        ("label,text\n0,a\n\n1,b\n", "t.csv", "line 3: expected a row, got an empty line", "remove the line"),
        (b"label\ttext\n0\ta\n1\tcaf\xe9\n", "t.tsv", "line 3: expected UTF-8 text, got the byte 0xe9", "as UTF-8"),
        (b"\xef\xbb\xbflabel\ttext\n1\t\xe9\n", "t.tsv", "line 2: expected UTF-8 text, got the byte 0xe9", "as UTF-8"),
        (b"label\ttext\n0\ta\0b\n", "t.tsv", "line 2: expected UTF-8 text, got a NUL byte", "UTF-16"),
        ("label\ttext\n0\ta\n".encode("utf-16"), "t.tsv", "line 1: expected UTF-8 text, got a NUL byte", "UTF-16"),
        ("", "t.tsv", "the file is empty", "copy or download"),
        ("\n\n", "t.csv", "the file is empty", "copy or download"),
        ("label\ttext\n", "t.tsv", "at least one row below the column names", "--text-column 2"),
        ('label,text\n0,"a\n', "t.csv", "line 2: expected comma-separated fields", "double the marks"),
        ('label,text\n0,"a"b\n', "t.csv", "line 2: expected comma-separated fields", "double the marks"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_line(table, content, name, message, hint):
    path = table(content, name)
    with pytest.raises(DataError, match=message) as caught:
        open_table(path)
    assert str(path) in caught.value.message
    assert hint in caught.value.hint
    assert "\n" not in caught.value.message + caught.value.hint


def test_a_file_that_is_not_there_is_refused_with_its_siblings(table):
    with pytest.raises(DataError, match="does not exist") as caught:
        open_table(table("label\ttext\n").with_name("tt.tsv"))
    assert caught.value.hint == "did you mean 't.tsv'?"


def test_ids_outside_the_table_are_refused(table):
    data = open_table(table("label\ttext\n0\ta\n"))
    with pytest.raises(DataError, match="ids from 0 to 0, got 1"):
        data.read(np.array([1]))


def test_the_labels_cannot_be_changed(table):
    with pytest.raises(ValueError, match="read-only"):
        open_table(table("label\ttext\n0\ta\n")).labels[0] = 1


def test_the_fingerprint_sees_texts_labels_names_and_order_but_not_the_format(table):
    same = [
        open_table(table("label\ttext\n0\ta b\n1\tc\n")),
        open_table(table("text,n,label\na b,9,0\nc,9,1\n", "t.csv")),
    ]
    others = [
        "0\ta b\n1\td\n",
        "0\ta b\n0\tc\n",
        "1\tc\n0\ta b\n",
        "x\ta b\ny\tc\n",
        "0\ta b\n1\tc\n0\td\n",
        "0\ta bc\n1\t!\n",
    ]
    prints = [data.fingerprint() for data in (*same, *(open_table(table("label\ttext\n" + rows)) for rows in others))]
    assert prints[0] == prints[1]
    assert len(set(prints)) == 1 + len(others)


@given(
    rows=st.lists(
        st.tuples(st.sampled_from("ab"), st.text().filter(lambda text: text.strip() and "\0" not in text)), min_size=1
    )
)
def test_what_the_csv_module_writes_is_read_back(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("csv") / "t.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("label", "text"), *rows])
    data = open_table(path)
    assert texts_of(data) == [text for _, text in rows]
    assert [data.class_names[index] for index in data.labels] == [label for label, _ in rows]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("t.tsv", b"", True),
        ("T.CSV", b"a,b", True),
        ("t.txt", b"a\tb\n", True),
        ("t.txt", b"words only\na\tb\n", False),
        ("collection", b"ham\tOk\n", True),
        ("collection", b"one word", False),
        ("t10k-images-idx3-ubyte", b"\0\0\x08\x03\0\0\x27\x10\t", False),
        ("t.npz", b"a\tb\n", False),
        ("t.npy", b"a\tb\n", False),
        ("t.safetensors", b"a\tb\n", False),
    ],
)
def test_tables_are_told_from_other_data(table, name, content, expected):
    assert is_table(table(content, name)) is expected


def test_folders_and_what_is_not_there_are_no_tables(tmp_path):
    (tmp_path / "x.tsv").mkdir()
    assert not is_table(tmp_path / "x.tsv")
    assert not is_table(tmp_path / "y.tsv")


def test_a_pipe_is_refused_without_waiting_for_it(tmp_path):
    os.mkfifo(tmp_path / "t.tsv")
    assert is_table(tmp_path / "t.tsv")
    with pytest.raises(DataError, match="neither a file nor a folder"):
        open_table(tmp_path / "t.tsv")


# Rows and class sizes as the publishers state them: GLUE's SST-2 (train and dev), SST (test), and the UCI page.
PUBLISHED = {
    "sst2/train.tsv": ([29_780, 37_569], ()),
    "sst2/dev.tsv": ([428, 444], ()),
    "sst2/test.tsv": ([912, 909], ()),
    "sms-spam/SMSSpamCollection": ([4_827, 747], ("ham", "spam")),
}


@pytest.mark.shared
@pytest.mark.parametrize("name", PUBLISHED)
def test_published_tables_have_the_rows_that_they_should(shared, name):
    assert is_table(shared / name)
    data = open_table(shared / name)
    counts, names = PUBLISHED[name]
    assert np.bincount(data.labels).tolist() == counts
    assert data.class_names == names
    # Independently of the reader: every text stands in the file, after or before its tab.
    lines = (shared / name).read_bytes().decode().split("\n")[1:-1]
    assert [line.split("\t")[1] for line in lines] == texts_of(data)
