"""The argument lists of the programs that build images, and the parsing of their output."""

from pathlib import Path

import pytest

from switchboard_cluster.images import commands
from switchboard_cluster.images.catalog import Suite, Version

INDEX_TARGETS = """\
Debian bookworm-updates main http://mirror.test/debian/
Vendor bookworm main http://vendor.test/
Debian bookworm contrib http://mirror.test/other/
Debian bookworm main http://mirror.test/debian/
"""


@pytest.mark.parametrize(
    ("listed", "mirror"),
    [
        (INDEX_TARGETS, "http://mirror.test/debian/"),
        ("Debian bookworm-security main http://mirror.test/security/\n", None),
        ("Ubuntu noble main http://mirror.test/ubuntu/\n", None),
        ("\n", None),
        ("", None),
    ],
)
def test_the_mirror_is_the_machines_own_main_archive(listed: str, mirror: str | None) -> None:
    assert commands.mirror(listed) == mirror


def test_a_base_is_bootstrapped_from_the_mirror_without_documents_but_with_licences() -> None:
    argv = commands.bootstrap("forky", ("python3", "busybox"), Path("/base"), "http://mirror.test/", ['A "b"'])
    assert argv[0] == "mmdebstrap"
    assert argv[-3:] == ["forky", "/base", "deb http://mirror.test/ forky main"]
    assert "--include=python3,busybox" in argv
    assert '--aptopt=A "b"' in argv
    excluded = [one for one in argv if "path-exclude" in one]
    assert len(excluded) == 4
    assert argv.index(excluded[-1]) < argv.index("--dpkgopt=path-include=/usr/share/doc/*/copyright")


def test_without_a_mirror_the_distributions_is_used() -> None:
    assert commands.bootstrap("forky", ("python3",), Path("/base"), None, [])[-2:] == ["forky", "/base"]


def test_only_the_settings_that_the_mirror_requires_are_inherited() -> None:
    dump = """\
Acquire "";
Acquire::Check-Valid-Until "false";
Acquire::Check-Date "";
Acquire::http::Proxy "http://proxy.test:3128";
Acquire::http::Proxy::internal.test "DIRECT";
APT::Architecture "amd64";
"""
    assert commands.inherited_apt_options(dump) == [
        'Acquire::Check-Valid-Until "false"',
        'Acquire::http::Proxy "http://proxy.test:3128"',
    ]


@pytest.mark.parametrize(
    ("output", "version"),
    [
        ("Python 3.14.8", (3, 14)),
        ("Valkey server v=9.1.2 sha=00000000:0 malloc=jemalloc-5.3.1 bits=64", (9, 1)),
        ("4.18.0", (4, 18)),
        ("unknown", None),
    ],
)
def test_the_version_of_a_program_is_the_first_in_its_output(output: str, version: Version | None) -> None:
    assert commands.version(output) == version


@pytest.mark.parametrize(
    ("version", "complaint"),
    [((3, 13), ["python 3.13 is older than 3.14"]), ((3, 14), []), ((3, 15), []), ((4, 0), [])],
)
def test_a_program_below_the_floor_of_its_suite_is_reported(version: Version, complaint: list[str]) -> None:
    assert commands.below_floor(Suite("forky", {"python": (3, 14)}), {"python": version}) == complaint


def test_an_archive_depends_only_on_its_content() -> None:
    argv = commands.pack(Path("/base"), Path("/base.tar"))
    assert {"--sort=name", "--mtime=@0", "--numeric-owner"} <= set(argv)
    assert "--file=/base.tar" in argv
    assert argv[-2:] == ["--numeric-owner", "."]


def test_buildah_separates_its_mounts_and_images_from_the_users() -> None:
    argv = commands.buildah(Path("/storage"), Path("/run"), "overlay", ["images"])
    assert argv[:3] == ["unshare", "--mount", "buildah"]
    assert argv[3:] == ["--storage-driver", "overlay", "--root", "/storage", "--runroot", "/run", "images"]


def test_a_build_pulls_nothing() -> None:
    argv = commands.build("name:tag", Path("/context"), "localhost/base:1")
    assert "--pull-never" in argv
    assert argv[argv.index("--build-arg") + 1] == "BASE=localhost/base:1"
    assert argv[-1] == "/context"


def test_an_image_from_scratch_has_no_base() -> None:
    assert "--build-arg" not in commands.build("name:tag", Path("/context"), None)


def test_an_archive_holds_the_image_under_its_full_name() -> None:
    assert commands.export("docker.io/a/b:1", Path("/b.tar"))[-2:] == [
        "docker.io/a/b:1",
        "oci-archive:/b.tar:docker.io/a/b:1",
    ]


def test_wheels_are_downloaded_for_the_bases_python_with_checked_hashes() -> None:
    argv = commands.download(Path("/lock.txt"), Path("/wheels"), (3, 14), "x86_64")
    assert {"--require-hashes", "--only-binary=:all:", "--python-version=3.14"} <= set(argv)
    assert argv[-2:] == ["--dest=/wheels", "--requirement=/lock.txt"]
    platforms = [one.removeprefix("--platform=") for one in argv if one.startswith("--platform=")]
    assert platforms[0] == "manylinux_2_41_x86_64"
    assert {"manylinux_2_28_x86_64", "manylinux2014_x86_64", "linux_x86_64"} <= set(platforms)


LOCK = """\
packaging==26.0 \\
    --hash=sha256:aa
    # via build
pip==26.3 \\
    --hash=sha256:bb \\
    --hash=sha256:cc
    # via -r requirements/dev.in
pip-tools==7 \\
    --hash=sha256:dd
"""


@pytest.mark.parametrize(
    ("package", "lines"),
    [
        ("pip", "pip==26.3 \\\n    --hash=sha256:bb \\\n    --hash=sha256:cc\n"),
        ("packaging", "packaging==26.0 \\\n    --hash=sha256:aa\n"),
    ],
)
def test_a_package_is_pinned_as_the_lock_pins_it(package: str, lines: str) -> None:
    assert commands.pinned(LOCK, package) == lines


def test_a_package_that_is_not_in_the_lock_is_an_error() -> None:
    with pytest.raises(ValueError, match="setuptools is not in the lock"):
        commands.pinned(LOCK, "setuptools")


def test_a_node_imports_without_unpacking() -> None:
    argv = commands.import_archive(Path("/bin/ctr"), Path("/c.sock"), Path("/a.tar"))
    assert argv[:5] == ["/bin/ctr", "--address", "/c.sock", "--namespace", "k8s.io"]
    assert argv[5:] == ["images", "import", "--local", "--no-unpack", "/a.tar"]


def test_a_nodes_images_are_listed_by_reference() -> None:
    assert commands.list_images(Path("/bin/ctr"), Path("/c.sock"))[5:] == ["images", "list", "--quiet"]
