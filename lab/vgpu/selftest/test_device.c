// SPDX-License-Identifier: GPL-2.0
/*
 * What the device is: regions, configuration space, registers, DMA log.
 */
#include <errno.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "check.h"
#include "vgpu.h"

static uint64_t region(struct vgpu *v, unsigned int index, uint64_t *size)
{
	struct vfio_region_info info = { .argsz = sizeof(info), .index = index };

	CHECK_EQ(ioctl(v->fd, VFIO_DEVICE_GET_REGION_INFO, &info), 0);
	*size = info.size;
	return info.offset;
}

static uint32_t config_read(struct vgpu *v, unsigned int pos)
{
	uint64_t size, base = region(v, VFIO_PCI_CONFIG_REGION_INDEX, &size);
	uint32_t value = 0;

	CHECK_EQ(pread(v->fd, &value, 4, base + pos), 4);
	return value;
}

static void config_write(struct vgpu *v, unsigned int pos, uint32_t value)
{
	uint64_t size, base = region(v, VFIO_PCI_CONFIG_REGION_INDEX, &size);

	CHECK_EQ(pwrite(v->fd, &value, 4, base + pos), 4);
}

static void test_info(struct vgpu *v)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };
	struct vfio_irq_info irq = { .argsz = sizeof(irq) };
	uint64_t size;

	CHECK_EQ(ioctl(v->fd, VFIO_DEVICE_GET_INFO, &info), 0);
	CHECK_EQ(info.flags & VFIO_DEVICE_FLAGS_PCI, VFIO_DEVICE_FLAGS_PCI);
	CHECK_EQ(info.flags & VFIO_DEVICE_FLAGS_RESET, VFIO_DEVICE_FLAGS_RESET);
	for (irq.index = 0; irq.index < info.num_irqs; irq.index++) {
		CHECK_EQ(ioctl(v->fd, VFIO_DEVICE_GET_IRQ_INFO, &irq), 0);
		CHECK_EQ(irq.count, 0);
	}
	region(v, VFIO_PCI_BAR0_REGION_INDEX, &size);
	CHECK_EQ(size, 64);
	region(v, VFIO_PCI_BAR1_REGION_INDEX, &size);
	CHECK_EQ(size, 0);
}

static void test_config(struct vgpu *v)
{
	char byte;

	CHECK_EQ(config_read(v, 0x00), 0x10f01af4);
	CHECK_EQ(config_read(v, 0x08) >> 16, 0xff00);	/* class */
	CHECK_EQ(config_read(v, 0x3c), 0);		/* pin 0 */
	config_write(v, 0x10, 0xffffffff);
	CHECK_EQ(config_read(v, 0x10), 0xffffffc1);
	config_write(v, 0x00, 0);
	CHECK_EQ(config_read(v, 0x00), 0x10f01af4);
	CHECK_EQ(pread(v->fd, &byte, 1, 2ULL << 40), -1);	/* no BAR 2 */
	CHECK_EQ(pread(v->fd, &byte, 1, 64), -1);		/* past BAR 0 */
}

static void test_registers(struct vgpu *v)
{
	uint8_t byte = 0x5a;

	CHECK_EQ(bar0_read(v, 0x00), 0x50475654);
	CHECK_EQ(bar0_read(v, 0x04), 1);
	CHECK_EQ(pwrite(v->fd, &byte, 1, 0x3f), 1);
	CHECK_EQ(bar0_read(v, 0x3c), 0x5a000000);
	bar0_write(v, 0x14, 3);			/* the device writes block 3 */
	CHECK_STR(vgpu_get(v, "vgpu/verify"), "ok blocks=16 blank=15 raw=0 bad=0");
	bar0_write(v, 0x0c, 5 * BLOCK + 8);
	bar0_write(v, 0x10, 0x12345678);
	CHECK_EQ(bar0_read(v, 0x0c), 5 * BLOCK + 12);
	bar0_write(v, 0x0c, 5 * BLOCK + 8);
	CHECK_EQ(bar0_read(v, 0x10), 0x12345678);
	CHECK_STR(vgpu_get(v, "vgpu/verify"), "ok blocks=16 blank=14 raw=1 bad=0");
	bar0_write(v, 0x0c, 1 * MIB);		/* past the end */
	bar0_write(v, 0x10, 1);
	CHECK_EQ(vgpu_number(v, "vgpu/writes_dropped"), 1);
	CHECK_EQ(vgpu_reset(v), 0);
	CHECK_EQ(bar0_read(v, 0x3c), 0);
	CHECK_STR(vgpu_get(v, "vgpu/verify"), "ok blocks=16 blank=16 raw=0 bad=0");
}

static int log_start(struct vgpu *v)
{
	struct vfio_device_feature_dma_logging_range range = { 0, 1 << 20 };
	struct vfio_device_feature_dma_logging_control control = {
		.page_size = 4096, .num_ranges = 1,
		.ranges = (uintptr_t)&range };

	return vgpu_feature(v, VFIO_DEVICE_FEATURE_SET |
			    VFIO_DEVICE_FEATURE_DMA_LOGGING_START,
			    &control, sizeof(control));
}

static int log_stop(struct vgpu *v)
{
	return vgpu_feature(v, VFIO_DEVICE_FEATURE_SET |
			    VFIO_DEVICE_FEATURE_DMA_LOGGING_STOP, NULL, 0);
}

static int log_report(struct vgpu *v, uint64_t *bitmap)
{
	struct vfio_device_feature_dma_logging_report report = {
		.length = 1 << 18, .page_size = 4096,
		.bitmap = (uintptr_t)bitmap };

	return vgpu_feature(v, VFIO_DEVICE_FEATURE_GET |
			    VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT,
			    &report, sizeof(report));
}

static void test_dma_log(struct vgpu *v)
{
	uint64_t bitmap[1] = {};
	int ret;

	CHECK_EQ(log_start(v), 0);
	CHECK_EQ(log_start(v), -EBUSY);
	ret = log_report(v, bitmap);
	if (ret == -EOPNOTSUPP)
		printf("  SKIPPED the DMA log's report: this vfio.ko has none\n");
	else
		CHECK_EQ(ret, 0);
	CHECK_EQ(bitmap[0], 0);
	CHECK_EQ(log_stop(v), 0);
	CHECK_EQ(log_stop(v), 0);
	if (ret != -EOPNOTSUPP)
		CHECK_EQ(log_report(v, bitmap), -EINVAL);
}

static bool readable(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

	return poll(&poll_fd, 1, 0) == 1;
}

static void test_poll(struct vgpu *v)
{
	struct image image = {};
	int fd;

	CHECK_EQ(vgpu_go(v, S_PRE_COPY, &fd), 0);
	CHECK(readable(fd));
	CHECK_EQ(image_read(&image, fd, MIB), -ENOMSG);
	CHECK(!readable(fd));
	CHECK_EQ(vgpu_set(v, "vgpu/write", "7 1"), 0);
	CHECK(readable(fd));
	CHECK_EQ(vgpu_go(v, S_RUNNING, NULL), 0);
	CHECK(readable(fd));
	CHECK_EQ(read(fd, image.data, 1) < 0 ? errno : 0, ENODEV);
	close(fd);
	image_free(&image);
}

void test_device(void)
{
	struct vgpu v;

	vgpu_make(&v, 1, 1, 1);
	test_info(&v);
	test_config(&v);
	test_registers(&v);
	test_dma_log(&v);
	test_poll(&v);
	vgpu_drop(&v);
}
