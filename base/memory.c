/* SPDX-License-Identifier: MIT */
/* Only pages that nobody can have written to are given back: they are read again from the file as they were. */
#include "base/memory.h"

#include <link.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* As much as may lie free at the end of a heap; and what is larger than this is mapped by itself, and goes when it is freed. */
#define KEPT_BYTES   (2 << 20)
#define MAPPED_BYTES (1 << 20)

void memory_keep(void)
{
	mallopt(M_TRIM_THRESHOLD, KEPT_BYTES);
	mallopt(M_MMAP_THRESHOLD, MAPPED_BYTES);
}

/* An object with relocations in its text has changed it. */
static bool has_text_relocations(const struct dl_phdr_info *info)
{
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		const ElfW(Dyn) * d;

		if (p->p_type != PT_DYNAMIC)
			continue;
		for (d = (const void *)(info->dlpi_addr + p->p_vaddr); d->d_tag != DT_NULL; d++)
			if (d->d_tag == DT_TEXTREL ||
				(d->d_tag == DT_FLAGS && (d->d_un.d_val & DF_TEXTREL)))
				return true;
	}
	return false;
}

static int give_back(struct dl_phdr_info *info, size_t size, void *user)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

	(void)size;
	(void)user;
	/* the program has no name, the kernel's page no path */
	if ((info->dlpi_name[0] && !strchr(info->dlpi_name, '/')) || has_text_relocations(info))
		return 0;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		uintptr_t from, to;

		if (p->p_type != PT_LOAD || (p->p_flags & PF_W) || !p->p_filesz)
			continue;
		/* whole pages of it: the first and the last may be others', too */
		from = (info->dlpi_addr + p->p_vaddr + page - 1) & ~(page - 1);
		to = (info->dlpi_addr + p->p_vaddr + p->p_memsz) & ~(page - 1);
		if (from < to)
			madvise((void *)from, to - from, MADV_DONTNEED);
	}
	return 0;
}

void memory_give_back(void)
{
	malloc_trim(0);
	dl_iterate_phdr(give_back, NULL);
}
