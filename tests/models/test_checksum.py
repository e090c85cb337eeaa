from __future__ import annotations

import hashlib

import pytest

from linvt_cli.models.checksum import Checksum, Hasher, hash_file, pieces_of

CONTENT = b"hello\n"
GIT = "ce013625030ba8dba906f756967f9e9ca394464a"  # echo hello | git hash-object --stdin
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.mark.parametrize("checksum", [Checksum("git", GIT), Checksum("sha256", SHA256)])
def test_a_file_has_the_checksums_that_git_and_the_hub_give_it(tmp_path, checksum):
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    hasher = hash_file(path, checksum.kind)
    assert hasher.matches(checksum)
    assert hasher.sha256 == SHA256
    path.write_bytes(CONTENT[::-1])
    assert not hash_file(path, checksum.kind).matches(checksum)


def test_pieces_sum_up_to_the_whole(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(bytes(3_000_000))
    hasher = Hasher(3_000_000)
    pieces = list(pieces_of(path))
    for piece in pieces:
        hasher.update(piece)
    assert len(pieces) > 1
    assert hasher.sha256 == hashlib.sha256(bytes(3_000_000)).hexdigest()


@pytest.mark.parametrize("text", ["", "../x", "0" * 41, "G" * 40, "0" * 64])
def test_what_is_no_checksum_is_refused(text):
    with pytest.raises(ValueError, match="is no git checksum"):
        Checksum("git", text)
