from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from albumsort.answers import ANSWERS
from albumsort.errors import WeightsError
from albumsort.networks import weights

SHIPPED = weights.folder()
NAMES = sorted(json.loads((SHIPPED / "manifest.json").read_text(encoding="utf-8"))["networks"])


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the shipped weights in use, which a test may damage."""
    folder = tmp_path / "weights"
    shutil.copytree(SHIPPED, folder)
    monkeypatch.setattr(weights, "folder", lambda: folder)
    weights.manifest.cache_clear()
    yield folder
    weights.manifest.cache_clear()


def change_manifest(folder: Path, change: Callable[[dict], object]) -> None:
    described = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    change(described)
    (folder / "manifest.json").write_text(json.dumps(described), encoding="utf-8")


def test_three_networks_ship() -> None:
    assert NAMES == ["emotion", "face_proposer", "face_verifier"]


@pytest.mark.parametrize("name", NAMES)
def test_every_shipped_network_has_the_hash_of_the_manifest(name: str) -> None:
    content, network = weights.load(name)
    assert network.name == name
    assert hashlib.sha256(content).hexdigest() == network.sha256
    assert (SHIPPED / network.file).read_bytes() == content


@pytest.mark.parametrize("name", NAMES)
def test_a_network_with_one_bit_changed_is_refused(installed: Path, name: str) -> None:
    file = installed / weights.manifest()[name].file
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    with pytest.raises(WeightsError, match=r"not the file in the manifest.*install albumsort again"):
        weights.load(name)


def test_a_network_that_is_cut_short_is_refused(installed: Path) -> None:
    file = installed / weights.manifest()["emotion"].file
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(WeightsError, match=r"emotion\.tflite"):
        weights.load("emotion")


def test_a_network_that_is_missing_is_an_error_that_names_it(installed: Path) -> None:
    (installed / weights.manifest()["emotion"].file).unlink()
    with pytest.raises(WeightsError, match=r"emotion\.tflite.*install albumsort again"):
        weights.load("emotion")


def test_a_missing_manifest_is_an_error(installed: Path) -> None:
    (installed / "manifest.json").unlink()
    with pytest.raises(WeightsError, match=r"manifest\.json"):
        weights.manifest()


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "{}",
        "null",
        '{"networks": []}',
        '{"networks": null}',
        '{"networks": {"emotion": {"file": "emotion.tflite"}}}',
        '{"networks": {"emotion": "emotion.tflite"}}',
        "\xff",
    ],
)
def test_a_damaged_manifest_is_an_error_with_advice(installed: Path, content: str) -> None:
    (installed / "manifest.json").write_text(content, encoding="latin-1")
    with pytest.raises(WeightsError, match="install albumsort again"):
        weights.manifest()


def test_a_manifest_without_a_required_network_is_an_error(installed: Path) -> None:
    change_manifest(installed, lambda described: described["networks"].pop("emotion"))
    with pytest.raises(WeightsError):
        weights.load("emotion")


def test_other_weights_change_the_fingerprint(installed: Path) -> None:
    before = weights.fingerprint("emotion")
    change_manifest(installed, lambda described: described["networks"]["emotion"].update(sha256="0" * 64))
    weights.manifest.cache_clear()
    assert weights.fingerprint("emotion") != before


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("sha256", "0" * 64),
        ("labels", {}),
        ("natural", {"temperature": 2.0}),
        ("shares", {"happy": 1.0}),
        ("calibration", [1.0]),
    ],
)
def test_every_field_that_affects_results_changes_the_fingerprint(installed: Path, key: str, value: object) -> None:
    before = weights.fingerprint("emotion")
    change_manifest(installed, lambda described: described["networks"]["emotion"].update({key: value}))
    weights.manifest.cache_clear()
    assert weights.fingerprint("emotion") != before


def test_the_fingerprint_of_the_face_networks_has_not_changed() -> None:
    """A new fingerprint would make every index analyse all photos again."""
    entries = []
    for name in ("face_proposer", "face_verifier"):
        details = weights.manifest()[name].details
        entries.append([name, details["sha256"], details["labels"], None, None, None, details.get("calibration")])
    expected = hashlib.sha256(json.dumps(entries, sort_keys=True).encode()).hexdigest()[:16]
    assert weights.fingerprint("face_proposer", "face_verifier") == expected


def test_the_natural_shares_are_positive_for_every_answer() -> None:
    shares = weights.natural_shares()
    assert list(shares) == list(ANSWERS)
    assert all(0 < share < 1 for share in shares.values())
    assert sum(shares.values()) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(
    "change",
    [
        lambda entry: entry.pop("shares"),
        lambda entry: entry["shares"].pop("nothing"),
        lambda entry: entry["shares"].update(fear=0.0, happy=entry["shares"]["happy"] + entry["shares"]["fear"]),
        lambda entry: entry["shares"].update(happy=0.9),
        lambda entry: entry["shares"].update(happy="often"),
    ],
    ids=["none", "one missing", "one zero", "too much", "no number"],
)
def test_invalid_natural_shares_are_an_error(installed: Path, change: Callable[[dict], object]) -> None:
    change_manifest(installed, lambda described: change(described["networks"]["emotion"]))
    with pytest.raises(WeightsError, match="shares"):
        weights.natural_shares()
