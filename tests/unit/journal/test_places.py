"""Where journals may stand, what runs are called, and how one is found."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from helpers import journals

from labctl import journal
from labctl.journal import StorageFault, place
from labctl.journal.place import network_kind_linux

MOUNTS = r"""
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:40 / /home rw shared:9 - nfs4 server:/home rw,vers=4.2
31 30 254:3 / /home/lab/local rw - ext4 /dev/vdb rw
32 22 0:41 / /mnt/c rw - 9p C:\134 rw,aname=drvfs;path=C:\;uid=1000
33 22 0:42 / /srv rw - 9p host rw,trans=virtio
34 22 0:43 / /media/a\040share rw - cifs //nas/data rw
35 22 0:44 / /data rw - ext4 /dev/vdc rw
36 22 0:45 / /data rw - fuse.sshfs lab@host: rw
""".strip().splitlines()


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/var/run", None),
        ("/home/lab/data", "nfs4"),
        ("/home/lab/local/data", None),
        ("/home2/data", None),
        ("/mnt/c/data", "a Windows disk under WSL"),
        ("/srv/data", None),
        ("/media/a share/x", "cifs"),
        ("/data/x", "fuse.sshfs"),
    ],
)
def test_network_shares_are_known_by_the_mount_table(folder: str, kind: str | None) -> None:
    assert network_kind_linux(Path(folder), MOUNTS) == kind


def test_run_ids_sort_by_time_and_name_the_protocol() -> None:
    early = journal.new_run_id("na-cu-reservoir-ce", 1_795_470_300.0)
    late = journal.new_run_id("../Über alles?", 1_795_470_301.0)
    assert early.startswith("20261123-214500-na-cu-reservoir-ce-")
    assert late.startswith("20261123-214501-ber-alles-")
    assert early < late
    assert len(early.rsplit("-", 1)[1]) == 4


def test_a_run_is_found_by_id_beginning_and_folder(tmp_path: Path) -> None:
    first = journals.finished(tmp_path / "20261123-214500-na-3f2a", cycles=1)
    second = journals.finished(tmp_path / "20261124-080000-na-00aa", cycles=1)
    (tmp_path / "20261125-no-run").mkdir()
    assert journal.list_runs(tmp_path) == [first, second]
    assert journal.find_run(tmp_path, first.name) == first
    assert journal.find_run(tmp_path, "20261124") == second
    assert journal.find_run(Path("elsewhere"), str(second)) == second
    with pytest.raises(journal.JournalNotFound, match=f"any of {first.name}, {second.name}"):
        journal.find_run(tmp_path, "202611")
    with pytest.raises(journal.JournalNotFound, match=f"there are {second.name}, {first.name}"):
        journal.find_run(tmp_path, "20250101")
    with pytest.raises(journal.JournalNotFound, match="there are no runs"):
        journal.find_run(tmp_path / "nowhere", "2026")
    with pytest.raises(journal.JournalNotFound):
        journal.find_run(tmp_path, "")


def test_a_run_is_not_written_over(tmp_path: Path) -> None:
    journals.finished(tmp_path / "run", cycles=1)
    with pytest.raises(journal.StorageFault, match="already there"):
        journals.create(tmp_path / "run")


def test_many_at_once_make_the_same_parents_and_one_alone_its_folder(tmp_path: Path) -> None:
    parent = tmp_path / "a" / "b"
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda n: place.make_durable_folder(parent / f"run{n}"), range(32)))
    assert len(made) == len(list(parent.iterdir())) == 32
    with pytest.raises(StorageFault, match="already there"):
        place.make_durable_folder(parent / "run0")
