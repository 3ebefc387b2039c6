"""Models are passed on and received with their card, after a check of every byte, and archives cannot write elsewhere."""

import io
import os
import stat
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

import causalgen
from causalgen.cli.app import app
from causalgen.errors import CheckpointError, DataError, RunFolderError, UnknownNameError
from causalgen.graph import CausalGraph, Variable
from causalgen.models import (
    CARD,
    ModelCard,
    archive,
    get_model,
    list_models,
    pretrained,
    push_model,
    unpack,
    write_card,
)
from causalgen.models.model_library import PRETRAINED, stored_model
from causalgen.models.sharing import FILES
from causalgen.scm import StructuralCausalModel, load

GRAPH = CausalGraph(
    '"dose, mg" -> pen; pen -> scan',
    [
        Variable("dose, mg", "continuous", unit="mg", support=(0, 20)),
        Variable("pen", "categorical", labels=("<b>ball|point</b>", "felt-tip")),
        Variable("scan", "image", shape=(1, 9, 11)),
    ],
)
IMAGE = {"mechanism": "conv-vae", "latent": 2, "local": 2, "width": 8, "blocks": 1}


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAUSALGEN_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def scm() -> StructuralCausalModel:
    torch.manual_seed(0)
    model = StructuralCausalModel(GRAPH, {"scan": IMAGE})
    dose = 20 * torch.rand(60)
    model.initialize({"dose, mg": dose, "pen": (dose > 9).long(), "scan": torch.zeros(60, 1, 9, 11, dtype=torch.uint8)})
    return model.declare_fitted().eval()


@pytest.fixture
def folder(scm: StructuralCausalModel, tmp_path: Path) -> Path:
    place = scm.save(tmp_path / "mine")
    write_card(place, scm, ModelCard("mine", "What if?", "Drawn here.", None, {"seed": 0}))
    return place


def _same(a: StructuralCausalModel, b: StructuralCausalModel) -> bool:
    return all(torch.equal(p, q) for p, q in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


def test_a_card_tells_graph_assumptions_and_limits_and_escapes_labels(folder: Path) -> None:
    text = (folder / CARD).read_text()
    for words in (
        "dose, mg",
        "0 to 20, mg",
        "conv-vae",
        "Gumbel-max",
        "Not stated",
        "Not to be used for",
        "No metrics",
    ):
        assert words in text
    assert "<b>" not in text.replace("\\<b\\>", "")
    assert "ball\\|point" in text


@pytest.mark.parametrize("name", ["m.zip", "m.tar", "m.tar.gz", "m.tgz", "folder"])
def test_a_model_comes_back_as_it_was(folder: Path, scm: StructuralCausalModel, name: str, tmp_path: Path) -> None:
    place = get_model(push_model(folder, str(tmp_path / "out" / name)), "again")
    assert _same(load(place), scm)
    assert (place / CARD).read_text() == (folder / CARD).read_text()
    assert [model.name for model in list_models()] == [*PRETRAINED, "again"]
    with pytest.raises(RunFolderError, match="which exists"):
        get_model(str(tmp_path / "out" / name), "again")
    with pytest.raises(RunFolderError, match="which exists"):
        push_model(folder, str(tmp_path / "out" / name))


@pytest.mark.parametrize("name", ["m.rar", "m.tar.xz", "m.7z"])
def test_an_archive_of_another_kind_is_not_written_as_a_folder(folder: Path, name: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"an archive \.zip"):
        push_model(folder, str(tmp_path / name))
    assert not (tmp_path / name).exists()


def test_rounded_weights_differ_little_and_pack_better(
    folder: Path, scm: StructuralCausalModel, tmp_path: Path
) -> None:
    full, small = (push_model(folder, str(tmp_path / f"{r}.zip"), rounded=r) for r in (False, True))
    assert os.path.getsize(small) < 0.8 * os.path.getsize(full)
    rounded = load(get_model(small, "small"))
    for a, b in zip(scm.parameters(), rounded.parameters(), strict=True):
        assert ((a - b).abs() <= a.abs() * 2**-11).all()
    assert all(torch.equal(a, b) for a, b in zip(scm.buffers(), rounded.buffers(), strict=True))
    assert "11 significant bits" in (tmp_path / "cache/models/small" / CARD).read_text()


@pytest.mark.parametrize("name", FILES[:2])
def test_a_model_with_a_changed_byte_is_refused(folder: Path, name: str) -> None:
    content = bytearray((folder / name).read_bytes())
    content[-9] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(CheckpointError):
        get_model(str(folder), "changed")
    assert [model.name for model in list_models()] == [*PRETRAINED]


def _zip(path: Path, entries: list[tuple[Any, bytes]]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for entry, content in entries:
            target.writestr(entry, content)


def _link() -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo("model.json")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    return entry


def _tar(path: Path, kind: bytes, *names: str, target: str = "/etc/passwd") -> None:
    with tarfile.open(path, "w") as archive_file:
        for name in names or ("model.json",):
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = kind, target
            archive_file.addfile(entry, io.BytesIO())


HOSTILE: dict[str, tuple[str, Callable[[Path], None], str]] = {
    "a path upwards": ("a.zip", lambda p: _zip(p, [("../model.json", b"{}")]), "the path '../model.json'"),
    "an absolute path": ("a.zip", lambda p: _zip(p, [("/model.json", b"{}")]), "the path '/model.json'"),
    "a path of Windows": ("a.zip", lambda p: _zip(p, [("..\\model.json", b"{}")]), "the path"),
    "a deep path": ("a.zip", lambda p: _zip(p, [("a/b/model.json", b"{}")]), "the path"),
    "another file": ("a.zip", lambda p: _zip(p, [("model.json", b"{}"), ("run.py", b"x")]), "got 'run.py'"),
    "a link in a zip": ("a.zip", lambda p: _zip(p, [(_link(), b"/etc/passwd")]), "not a plain file"),
    "a link": ("a.tar", lambda p: _tar(p, tarfile.SYMTYPE), "not a plain file"),
    "a hard link": ("a.tar", lambda p: _tar(p, tarfile.LNKTYPE), "not a plain file"),
    "a device": ("a.tar", lambda p: _tar(p, tarfile.CHRTYPE), "not a plain file"),
    "a path upwards in a tar": ("a.tar", lambda p: _tar(p, tarfile.REGTYPE, "x/../../model.json"), "the path"),
    "a file twice in a tar": ("a.tar", lambda p: _tar(p, tarfile.REGTYPE, *2 * [FILES[0]]), "'model.json' twice"),
    "many entries in a tar": ("a.tar", lambda p: _tar(p, tarfile.REGTYPE, *99 * [FILES[0]]), "65 entries"),
    "two folders": ("a.zip", lambda p: _zip(p, [("a/model.json", b"{}"), (f"b/{CARD}", b"x")]), "several folders"),
    "many entries": ("a.zip", lambda p: _zip(p, [(f"{i}.txt", b"") for i in range(99)]), "65 entries"),
    "too much": ("a.zip", lambda p: _zip(p, [("model.json", bytes(2000))]), "with 2,000 bytes"),
    "no archive": ("a.zip", lambda p: p.write_bytes(b"PK no"), "cannot be read"),
    "no archive of the other kind": ("a.tar.gz", lambda p: p.write_bytes(b"\x1f\x8b no"), "cannot be read"),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_archive_writes_nothing(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name, write, words = HOSTILE[case]
    place = tmp_path / "deep" / "enough" / name
    place.parent.mkdir(parents=True)
    write(place)
    monkeypatch.setattr(archive, "MOST_BYTES", 1000)
    with pytest.raises(DataError, match=words.replace("..", r"\.\.")):
        get_model(str(place), "hostile")
    left = [path for path in tmp_path.rglob("*") if path.is_file() and path != place]
    assert left == []


def test_an_archive_that_declares_less_than_it_holds_is_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "a.zip"
    _zip(place, [("model.json", bytes(4000)), ("model.safetensors", bytes(4000))])
    monkeypatch.setattr(archive, "MOST_BYTES", 5000)
    with pytest.raises(DataError, match="more than 5,000 bytes"):
        unpack(place, tmp_path / "out", FILES)
    assert not (tmp_path / "out").exists()


class _Hub:
    """The calls of huggingface_hub that are made, on a folder in place of the site."""

    def __init__(self, site: Path) -> None:
        self.site = site
        self.calls: list[dict[str, Any]] = []

    def snapshot_download(self, repo_id: str, *, revision: Any, allow_patterns: list[str], local_dir: Path) -> None:
        for name in allow_patterns:
            (local_dir / name).write_bytes((self.site / repo_id / name).read_bytes())

    def create_repo(self, repo_id: str, *, private: bool, exist_ok: bool) -> str:
        self.calls.append({"private": private, "exist_ok": exist_ok})
        return f"https://site/{repo_id}"

    def upload_folder(self, *, repo_id: str, folder_path: Path, allow_patterns: list[str], commit_message: str) -> None:
        (self.site / repo_id).mkdir(parents=True)
        for name in allow_patterns:
            (self.site / repo_id / name).write_bytes((folder_path / name).read_bytes())


def test_a_repository_gets_and_gives_the_files(
    folder: Path, scm: StructuralCausalModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Against a stand-in: the real site cannot be reached from a test."""
    site = _Hub(tmp_path / "site")
    module = ModuleType("huggingface_hub")
    vars(module).update(vars(SimpleNamespace(HfApi=lambda: site, snapshot_download=site.snapshot_download)))
    monkeypatch.setitem(sys.modules, "huggingface_hub", module)
    assert push_model(folder, "hf:ada/digits") == "https://site/ada/digits"
    assert site.calls == [{"private": True, "exist_ok": True}]
    assert _same(load(get_model("hf:ada/digits")), scm)
    with pytest.raises(DataError, match="'ada/none'; got FileNotFoundError"):
        get_model("hf:ada/none")


def test_the_calls_fit_the_installed_package() -> None:
    hub = pytest.importorskip("huggingface_hub")
    from inspect import signature

    signature(hub.snapshot_download).bind("a/b", revision=None, allow_patterns=["x"], local_dir=Path())
    signature(hub.HfApi.create_repo).bind(None, "a/b", private=True, exist_ok=True)
    signature(hub.HfApi.upload_folder).bind(
        None, repo_id="a/b", folder_path=Path(), allow_patterns=["x"], commit_message="m"
    )


@pytest.mark.parametrize(
    ("source", "name", "error", "words"),
    [
        ("nowhere", None, DataError, "nothing there"),
        ("hf:digits", None, DataError, "hf:owner/name"),
        ("hf:a/b/c", None, DataError, "hf:owner/name"),
        ("MINE", "../up", DataError, "letters, digits"),
        ("MINE", "morphodigits", DataError, "another name"),
    ],
)
def test_wrong_sources_and_names_are_refused(
    folder: Path, source: str, name: str | None, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        get_model(str(folder) if source == "MINE" else source, name)


def test_a_missing_package_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ImportError, match=r"causalgen\[hub\]"):
        get_model("hf:ada/digits")


def test_a_model_without_a_card_is_not_passed_on(scm: StructuralCausalModel, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="causalgen models card RUN"):
        push_model(scm.save(tmp_path / "bare"), str(tmp_path / "a.zip"))


def test_what_is_no_model_is_called_so(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="nothing there"):
        push_model(tmp_path / "runs" / "scans", str(tmp_path / "a.zip"))
    with pytest.raises(CheckpointError, match="a folder without one"):
        push_model(tmp_path, str(tmp_path / "a.zip"))


@pytest.mark.parametrize("name", PRETRAINED)
def test_models_come_with_causalgen(name: str) -> None:
    scm = causalgen.pretrained(name)
    drawn = scm.sample(4, do={"thickness": 3.0}, seed=0)
    assert drawn["image"].amax() > 100
    assert _same(scm, pretrained(name))  # the second time from where it was unpacked
    card = (stored_model(name) / CARD).read_text(encoding="utf-8")
    assert "thickness MAE" in card
    assert "CC BY" in card


def test_a_pretrained_model_that_is_not_there_is_named() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'morphodigits'"):
        causalgen.pretrained("morphodigit")


def test_the_commands_list_get_and_push(folder: Path, tmp_path: Path) -> None:
    run = CliRunner(env={"COLUMNS": "200"}).invoke
    done = run(app, ["models", "push", str(folder), str(tmp_path / "m.zip")])
    assert (done.exit_code, done.stdout.strip()) == (0, str(tmp_path / "m.zip"))
    assert run(app, ["models", "get", str(tmp_path / "m.zip")]).exit_code == 0
    assert '"name": "m"' in run(app, ["models", "list", "--json"]).stdout
    narrow = CliRunner(env={"COLUMNS": "60"}).invoke(app, ["models", "list"])
    assert f"m: {tmp_path / 'cache' / 'models' / 'm'}\n" in narrow.stdout
    assert run(app, ["models", "get", "nothing.zip"]).exit_code == 2
