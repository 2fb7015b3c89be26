"""CPU facts from libvirt's XML texts."""

import pytest

from nova_livemig_gpu.facts import cpu

CAPABILITIES = """
<capabilities>
  <host>
    <cpu>
      <arch>x86_64</arch>
      <model>Cascadelake-Server</model>
      <vendor>Intel</vendor>
      <counter name='tsc' frequency='2893202000' scaling='yes'/>
      <feature name='vmx'/>
    </cpu>
  </host>
  <guest>
    <os_type>hvm</os_type>
    <arch name='i686'>
      <machine canonical='pc-i440fx-10.0'>pc</machine>
    </arch>
    <arch name='x86_64'>
      <machine canonical='pc-q35-10.0'>q35</machine>
      <machine>pc-q35-9.2</machine>
      <domain type='kvm'><machine>pc-q35-9.1</machine></domain>
    </arch>
  </guest>
</capabilities>
"""
DOMAIN = """
<domainCapabilities>
  <cpu>
    <mode name='host-model' supported='yes'>
      <model fallback='forbid'>Cascadelake-Server</model>
      <vendor>Intel</vendor>
      <maxphysaddr mode='passthrough'/>
      <feature policy='require' name='ss'/>
      <feature policy='disable' name='hle'/>
    </mode>
    <mode name='custom' supported='yes'>
      <model usable='yes' vendor='Intel'>Haswell</model>
      <model usable='no' vendor='Intel'>SapphireRapids</model>
      <model usable='yes' vendor='unknown'>qemu64</model>
    </mode>
  </cpu>
</domainCapabilities>
"""
EXPANDED = """
<cpu mode='custom' match='exact'>
  <model>Cascadelake-Server</model>
  <feature policy='require' name='aes'/>
  <feature policy='require' name='ss'/>
  <feature policy='disable' name='hle'/>
  <feature name='avx'/>
</cpu>
"""


def test_all_three_texts() -> None:
    found = cpu.parse(CAPABILITIES, DOMAIN, EXPANDED)
    assert found is not None
    assert (found.vendor, found.model) == ("Intel", "Cascadelake-Server")
    assert (found.tsc_hz, found.tsc_scaling) == (2893202000, True)
    assert found.features == {"aes", "ss", "avx"}
    assert found.models == {"Haswell", "qemu64"}


def test_half_a_list_of_features_is_none() -> None:
    found = cpu.parse(CAPABILITIES)
    assert found is not None
    assert found.features == frozenset() and found.models == frozenset()


@pytest.mark.parametrize("xml", ["", "<", "<capabilities/>", "\x00", "ä"])
def test_malformed(xml: str) -> None:
    assert cpu.parse(xml, xml, xml) is None
    found = cpu.parse(CAPABILITIES, xml, xml)
    assert found is not None and not found.features and not found.models
    assert cpu.machine_types(xml, "x86_64") == ()
    assert cpu.host_model_xml(xml) is None


def test_a_counter_that_cannot_be_read_is_unknown() -> None:
    odd = CAPABILITIES.replace("2893202000", "fast").replace("yes", "maybe")
    found = cpu.parse(odd)
    assert found is not None
    assert found.tsc_hz is None and found.tsc_scaling is None


def test_machine_types() -> None:
    assert cpu.machine_types(CAPABILITIES, "x86_64") == (
        "pc-q35-10.0",
        "pc-q35-9.1",
        "pc-q35-9.2",
        "q35",
    )


def test_host_model_for_the_baseline_call() -> None:
    xml = cpu.host_model_xml(DOMAIN)
    assert xml is not None
    assert "Cascadelake-Server" in xml and "maxphysaddr" not in xml
    assert cpu.host_model_xml(DOMAIN.replace("'yes'", "'no'")) is None
