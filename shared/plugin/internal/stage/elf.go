package stage

import (
	"debug/elf"
	"fmt"
	"io"
)

// elfHeader is how long the header of an ELF file is, in bytes. A file without one is refused by the system.
const elfHeader = 64

// checkELF returns an error when an ELF file of that size lacks what its headers say that it has. Two looks that agree
// do not prove that a file is whole, because the one who writes it may have paused, and half a program may well start.
func checkELF(f io.ReaderAt, size int64) error {
	if size < elfHeader {
		return nil
	}
	program, err := elf.NewFile(io.NewSectionReader(f, 0, size))
	if err != nil {
		return half(err.Error())
	}
	for _, s := range program.Sections {
		if s.Type != elf.SHT_NULL && s.Type != elf.SHT_NOBITS && !within(s.Offset, s.FileSize, size) {
			return half("it ends before its section " + s.Name + " does")
		}
	}
	for _, p := range program.Progs {
		if !within(p.Off, p.Filesz, size) {
			return half("it ends before its segments do")
		}
	}
	return nil
}

func half(why string) error {
	return fmt.Errorf("it is no whole program, %s; copy files to another name there, and then rename them", why)
}

// within tells whether length bytes from offset on are in a file of that size.
func within(offset, length uint64, size int64) bool {
	return offset <= uint64(size) && length <= uint64(size)-offset //nolint:gosec // A size is not below zero.
}
