// SPDX-License-Identifier: GPL-2.0
/*
 * PCI configuration space: a header of type 0 with one I/O BAR, no interrupt
 * pin and no capability. The ids are QEMU's for experiments (1af4:10f0, see
 * docs/specs/pci-ids in QEMU), the class is "unassigned": no guest driver
 * takes it.
 */
#include <linux/pci_ids.h>
#include <linux/string.h>
#include <linux/unaligned.h>
#include <uapi/linux/pci_regs.h>

#include "vgpu.h"

#define TV_VENDOR	PCI_VENDOR_ID_REDHAT_QUMRANET
#define TV_DEVICE	0x10f0
#define TV_COMMAND	(PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER)
#define TV_BAR0_MASK	(~(TV_BAR0_SIZE - 1) & 0xffff)

void tv_config_reset(struct tv_device *tv)
{
	u8 *config = tv->config;

	memset(config, 0, TV_CONFIG_SIZE);
	put_unaligned_le16(TV_VENDOR, config + PCI_VENDOR_ID);
	put_unaligned_le16(TV_DEVICE, config + PCI_DEVICE_ID);
	put_unaligned_le16(PCI_CLASS_OTHERS << 8, config + PCI_CLASS_DEVICE);
	config[PCI_CLASS_DEVICE + 1] = 0xff;
	put_unaligned_le16(TV_VENDOR, config + PCI_SUBSYSTEM_VENDOR_ID);
	put_unaligned_le16(tv->type->number, config + PCI_SUBSYSTEM_ID);
	put_unaligned_le32(PCI_BASE_ADDRESS_SPACE_IO, config + PCI_BASE_ADDRESS_0);
}

/* The bits of each byte that a write changes. */
static u8 writable(u32 pos)
{
	switch (pos) {
	case PCI_COMMAND:
		return TV_COMMAND;
	case PCI_CACHE_LINE_SIZE:
	case PCI_INTERRUPT_LINE:
		return 0xff;
	case PCI_BASE_ADDRESS_0:
		return TV_BAR0_MASK & 0xff;
	case PCI_BASE_ADDRESS_0 + 1:
		return TV_BAR0_MASK >> 8;
	case PCI_BASE_ADDRESS_0 + 2:
	case PCI_BASE_ADDRESS_0 + 3:
		return 0xff;
	}
	return 0;
}

void tv_config_write(struct tv_device *tv, u32 pos, const u8 *from, u32 count)
{
	u8 mask;

	for (; count && pos < TV_CONFIG_SIZE; pos++, from++, count--) {
		mask = writable(pos);
		tv->config[pos] = (tv->config[pos] & ~mask) | (*from & mask);
	}
}

void tv_config_read(struct tv_device *tv, u32 pos, u8 *to, u32 count)
{
	memcpy(to, tv->config + pos, count);
}
