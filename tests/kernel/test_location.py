"""Which store a folder uses: sub-directories, monorepos, and git's worktrees and submodules."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tm_core.storage.location import FOLDER, find
from tm_core.testing import Cli

Git = Callable[..., None]


@pytest.fixture
def git(tm_environ: Path) -> Git:
    def run(folder: Path, *arguments: str) -> None:
        subprocess.run(
            ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *arguments],
            cwd=folder,
            check=True,
            capture_output=True,
            env={**os.environ, "GIT_ALLOW_PROTOCOL": "file"},
        )

    return run


@pytest.fixture
def repository(git: Git, tm_environ: Path) -> Path:
    """A repository `main` with one commit."""
    main = tm_environ / "main"
    (main / "packages" / "a").mkdir(parents=True)
    (main / "packages" / "a" / "file").write_text("x")
    git(tm_environ, "init", "-q", str(main))
    git(main, "add", ".")
    git(main, "commit", "-qm", "first")
    return main


def titles(folder: Path) -> list[str]:
    return [task["title"] for task in json.loads(Cli(folder)("list", "--json").out)]


def test_a_sub_directory_uses_the_store_above(tm_environ: Path) -> None:
    Cli(tm_environ)("init")
    below = tm_environ / "a" / "b"
    below.mkdir(parents=True)
    Cli(below).add("x")
    assert titles(tm_environ) == ["x"]


def test_a_project_of_a_monorepo_with_a_store_of_its_own_uses_that(repository: Path) -> None:
    Cli(repository)("init")
    inner = repository / "packages" / "a"
    Cli(inner)("init", "--here")
    Cli(inner).add("inner")
    Cli(repository / "packages").add("outer")
    assert (titles(inner), titles(repository)) == (["inner"], ["outer"])


@pytest.mark.parametrize("inside", [False, True])
def test_a_linked_worktree_uses_the_store_of_the_main_one(
    inside: bool, git: Git, repository: Path, tm_environ: Path
) -> None:
    Cli(repository)("init")
    linked = (repository if inside else tm_environ) / "linked"
    git(repository, "worktree", "add", "-q", str(linked))
    Cli(linked / "packages").add("x")
    assert titles(repository) == ["x"]
    place = find(str(linked / "packages"))
    assert place is not None
    assert place.project == str(linked)  # measures are taken where the work is done


def test_a_linked_worktree_has_the_configuration_of_its_store(
    git: Git, repository: Path, tm_environ: Path
) -> None:
    """Version control brings the store's folder along, with the configuration alone."""
    main = Cli(repository)
    main("init")
    main("config", "set", "list.limit", "7")
    git(repository, "add", "-f", f"{FOLDER}/config.yaml")
    git(repository, "commit", "-qm", "configuration")
    linked = tm_environ / "linked"
    git(repository, "worktree", "add", "-q", str(linked))
    assert (linked / FOLDER).is_dir()
    main.add("x")
    assert titles(linked) == ["x"]
    main("config", "set", "list.limit", "8")
    assert Cli(linked)("config", "get", "list.limit").out == "8\n"


def test_a_store_in_the_linked_worktree_wins(git: Git, repository: Path, tm_environ: Path) -> None:
    Cli(repository)("init")
    linked = tm_environ / "linked"
    git(repository, "worktree", "add", "-q", str(linked))
    Cli(linked)("init", "--here")
    Cli(linked / "packages").add("x")
    assert (titles(linked), titles(repository)) == (["x"], [])


def test_the_main_worktrees_nested_store_counts_in_the_same_place(
    git: Git, repository: Path, tm_environ: Path
) -> None:
    Cli(repository)("init")
    Cli(repository / "packages" / "a")("init", "--here")
    linked = tm_environ / "linked"
    git(repository, "worktree", "add", "-q", str(linked))
    Cli(linked / "packages" / "a").add("inner")
    assert titles(repository / "packages" / "a") == ["inner"]
    assert titles(linked / "packages") == []


def test_the_main_worktree_before_what_lies_above_the_linked_one(
    git: Git, repository: Path, tm_environ: Path
) -> None:
    Cli(tm_environ)("init")
    Cli(repository)("init")
    other = tm_environ / "other"
    other.mkdir()
    git(repository, "worktree", "add", "-q", str(other / "linked"))
    Cli(other / "linked").add("x")
    assert (titles(repository), titles(tm_environ)) == (["x"], [])


def test_a_worktree_of_a_bare_repository_uses_the_store_in_or_above_it(
    git: Git, repository: Path, tm_environ: Path
) -> None:
    bare = tm_environ / "project" / "bare.git"
    git(tm_environ, "clone", "-q", "--bare", str(repository), str(bare))
    work = tm_environ / "work"
    git(bare, "worktree", "add", "-q", str(work))
    Cli(work)("list", code=7)
    Cli(bare)("init")
    Cli(work).add("x")
    assert titles(bare) == ["x"]


def test_a_submodule_uses_the_store_of_the_repository_around_it(
    git: Git, repository: Path, tm_environ: Path
) -> None:
    library = tm_environ / "library"
    git(tm_environ, "clone", "-q", str(repository), str(library))
    git(
        repository,
        *("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(library), "module"),
    )
    Cli(repository)("init")
    module = repository / "module"
    Cli(module).add("x")
    assert titles(repository) == ["x"]
    Cli(module)("init")  # it is a repository of its own, so that nothing has to be confirmed
    Cli(module).add("y")
    assert (titles(repository), titles(module)) == (["x"], ["y"])
    linked = tm_environ / "linked-module"
    git(module, "worktree", "add", "-q", str(linked))
    assert titles(linked) == ["y"]


def test_a_symbolic_link_leads_to_the_store_of_its_target(repository: Path, tm_path: Path) -> None:
    Cli(repository)("init")
    link = tm_path / "link"
    link.symlink_to(repository / "packages")
    found = find(str(link))
    assert found is not None
    assert os.path.samefile(found.folder, repository / FOLDER)


@pytest.fixture
def tm_path(tmp_path: Path) -> Path:
    """A folder beside the project, without a store above it."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    return folder


def test_a_folder_with_a_configuration_alone_is_that_of_another_engine(tm_environ: Path) -> None:
    Cli(tm_environ)("init")
    below = tm_environ / "below" / FOLDER
    below.mkdir(parents=True)
    found = find(str(below.parent))
    assert found is not None
    assert found.folder == str(below)


@pytest.mark.parametrize("text", ["", "gitdir:", "gitdir: nowhere", "nonsense", "\0", "é" * 9])
def test_a_broken_git_file_is_no_worktree(text: str, tm_environ: Path) -> None:
    Cli(tm_environ)("init")
    inner = tm_environ / "inner"
    inner.mkdir()
    (inner / ".git").write_bytes(text.encode("latin-1"))
    Cli(inner).add("x")
    assert titles(tm_environ) == ["x"]


def test_a_relative_path_in_the_environment_starts_in_the_current_folder(
    tm_environ: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TM_DB_PATH", "store/t.db")
    Cli(tm_environ)("init")
    assert (tm_environ / "store" / "t.db").exists()
    Cli(tm_environ).add("x")
    below = tm_environ / "below"
    below.mkdir()
    assert Cli(below)("list", code=7).err.startswith("tm: ")
    monkeypatch.setenv("TM_DB_PATH", "../store/t.db")
    assert titles(below) == ["x"]


def test_init_asks_before_it_makes_a_second_store_in_a_repository(
    git: Git, repository: Path, tm_environ: Path
) -> None:
    Cli(repository)("init")
    linked = tm_environ / "linked"
    git(repository, "worktree", "add", "-q", str(linked))
    for folder in (repository / "packages", linked, linked / "packages"):
        refused = Cli(folder)("init", code=6)
        assert str(repository / FOLDER) in refused.err
        assert "tm init --here" in refused.err
        assert not (folder / FOLDER).exists()
        assert Cli(folder)("--store", str(folder / "x.db"), "init").code == 0
    Cli(linked)("init", "--here")
    assert (linked / FOLDER / "tasks.db").exists()
    Cli(linked)("init")  # there is one here already, which is no mistake


@pytest.mark.parametrize("repository", [True, False])
def test_init_below_a_store_of_no_repository_says_which_one_it_replaces(
    repository: bool, tm_environ: Path
) -> None:
    Cli(tm_environ)("init")
    below = tm_environ / "below"
    (below / ".git" if repository else below).mkdir(parents=True)
    assert str(tm_environ / FOLDER) in Cli(below)("init").err
    assert (below / FOLDER / "tasks.db").exists()
