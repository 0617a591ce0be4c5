package stage

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// elfHeader is how long the header of an ELF file is at most, in bytes. A file without one is refused by the system.
const elfHeader = 64

// checkELF returns an error when f is an ELF file of that size that lacks what its headers say that it has. Two looks
// that agree do not prove that a file is whole, because the one who writes it may have paused, and half a program may
// well start.
//
// The headers are read here and not by elf.NewFile, which takes a file for well-meant: it inflates a table of names
// that says it is compressed, and keeps all sections that there are, so that a small file could have it take all
// memory. Here one header of a part is held at a time, and 65535 segments and as many sections are looked at. (A number
// above that is noted in another place than the file's header. No linker makes a program with so many.)
func checkELF(f io.ReaderAt, size int64) error {
	head := make([]byte, elfHeader)
	_, err := f.ReadAt(head, 0)
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err != nil {
		return err
	}
	if string(head[:len(elf.ELFMAG)]) != elf.ELFMAG {
		return nil
	}
	l, ok := layoutOf(head)
	if !ok {
		return half("its header is none that a program has")
	}
	for _, t := range l.tables(head) {
		if err := t.check(f, size); err != nil {
			return err
		}
	}
	return nil
}

// layout tells where the headers of an ELF file have what is read of them, in bytes from their beginnings.
// https://gabi.xinuos.com/elf/02-eheader.html
type layout struct {
	order            binary.ByteOrder
	word             int // how long an offset and a size are
	offsets          int // in the file's header, of the tables of segments and sections
	counts           int // in the file's header, of the length of each entry and their number, for one table and the other
	segment, section entry
}

// entry tells where a header of a part has the part's offset and size, and how long it is itself.
type entry struct{ offset, size, length int }

// layoutOf reads off the layout, which is not ok when there is none of the kind.
func layoutOf(head []byte) (l layout, ok bool) {
	switch elf.Class(head[elf.EI_CLASS]) {
	case elf.ELFCLASS64:
		l = layout{word: 8, offsets: 32, counts: 54, segment: entry{8, 32, 56}, section: entry{24, 32, 64}}
	case elf.ELFCLASS32:
		l = layout{word: 4, offsets: 28, counts: 42, segment: entry{4, 16, 32}, section: entry{16, 20, 40}}
	default:
		return layout{}, false
	}
	switch elf.Data(head[elf.EI_DATA]) {
	case elf.ELFDATA2LSB:
		l.order = binary.LittleEndian
	case elf.ELFDATA2MSB:
		l.order = binary.BigEndian
	default:
		return layout{}, false
	}
	const version = 20 // in the file's header, again
	return l, elf.Version(head[elf.EI_VERSION]) == elf.EV_CURRENT &&
		l.order.Uint32(head[version:]) == uint32(elf.EV_CURRENT)
}

// at reads an offset or a size.
func (l layout) at(header []byte, field int) uint64 {
	if l.word == 4 {
		return uint64(l.order.Uint32(header[field:]))
	}
	return l.order.Uint64(header[field:])
}

// table is where the headers of the parts of one kind are.
type table struct {
	layout
	entry
	parts  string // what they are called
	begin  uint64
	stride uint16 // from one to the next
	number uint16
}

func (l layout) tables(head []byte) []table {
	tables := []table{{layout: l, entry: l.segment, parts: "segments"}, {layout: l, entry: l.section, parts: "sections"}}
	for i := range tables {
		t, counts := &tables[i], head[l.counts+4*i:]
		t.begin = l.at(head, l.offsets+i*l.word)
		t.stride, t.number = l.order.Uint16(counts), l.order.Uint16(counts[2:])
	}
	return tables
}

// check returns an error unless the headers, and the parts of which they tell, are in a file of that size.
func (t table) check(f io.ReaderAt, size int64) error {
	if t.number == 0 {
		return nil
	}
	if int(t.stride) < t.length {
		return half("the headers of its " + t.parts + " are shorter than those of a program")
	}
	if !within(t.begin, uint64(t.number)*uint64(t.stride), size) {
		return half("it ends before the headers of its " + t.parts + " do")
	}
	header := make([]byte, t.length)
	for i := range int64(t.number) {
		//nolint:gosec // It is within the file.
		if _, err := f.ReadAt(header, int64(t.begin)+i*int64(t.stride)); err != nil {
			return err
		}
		if !t.bare(header) && !within(t.at(header, t.offset), t.at(header, t.size), size) {
			return half("it ends before its " + t.parts + " do")
		}
	}
	return nil
}

// bare tells whether nothing in the file belongs to the header, whatever its offset and size are.
func (t table) bare(header []byte) bool {
	if t.entry != t.section {
		return false
	}
	const kind = 4 // in the header of a section
	switch elf.SectionType(t.order.Uint32(header[kind:])) {
	case elf.SHT_NULL, elf.SHT_NOBITS:
		return true
	}
	return false
}

func half(why string) error {
	return fmt.Errorf("it is no whole program, %s; copy files to another name there, and then rename them", why)
}

// within tells whether length bytes from offset on are in a file of that size.
func within(offset, length uint64, size int64) bool {
	return offset <= uint64(size) && length <= uint64(size)-offset //nolint:gosec // A size is not below zero.
}
