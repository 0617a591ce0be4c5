package stage

import (
	"bytes"
	"compress/zlib"
	"debug/elf"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// headers is more than a look at the headers of a program takes, in bytes.
const headers = 64 << 10

// The test itself is a program, one with all that a linker makes.
func TestHalfAProgramIsRefused(t *testing.T) {
	t.Parallel()
	program := ownProgram(t)
	size := len(program)
	if err := checkELF(bytes.NewReader(program), int64(size)); err != nil {
		t.Errorf("all of it: %v", err)
	}
	for _, n := range []int{elfHeader, 100, 1000, 1 << 12, 1 << 16, size / 4, size / 2, size / 4 * 3, size - 1<<12} {
		refusesHalf(t, program[:n], size)
	}
}

// TestHalfAProgramOfAnyKind has a small program for other machines, of which each byte counts.
func TestHalfAProgramOfAnyKind(t *testing.T) {
	t.Parallel()
	for _, class := range []elf.Class{elf.ELFCLASS32, elf.ELFCLASS64} {
		for _, data := range []elf.Data{elf.ELFDATA2LSB, elf.ELFDATA2MSB} {
			t.Run(class.String()+" "+data.String(), func(t *testing.T) {
				t.Parallel()
				program := smallProgram(t, class, data)
				if f, err := elf.NewFile(bytes.NewReader(program)); err != nil || len(f.Progs) != 1 || len(f.Sections) != 3 {
					t.Fatalf("the test's program is none: %v", err)
				}
				if err := checkELF(bytes.NewReader(program), int64(len(program))); err != nil {
					t.Errorf("all of it: %v", err)
				}
				for n := elfHeader; n < len(program); n++ {
					refusesHalf(t, program[:n], len(program))
				}
			})
		}
	}
}

func TestHeaderOfNoProgramIsRefused(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		at    int
		value byte
	}{
		{"class", int(elf.EI_CLASS), 3},
		{"byte order", int(elf.EI_DATA), 0},
		{"version", int(elf.EI_VERSION), 0},
		{"version again", 20, 9},
		{"version again, its second byte", 21, 1},
		{"headers of segments that are too short", 54, 55},
		{"headers of sections that are too short", 58, 63},
	} {
		program := smallProgram(t, elf.ELFCLASS64, elf.ELFDATA2LSB)
		program[tc.at] = tc.value
		err := checkELF(bytes.NewReader(program), int64(len(program)))
		if err == nil || !strings.Contains(err.Error(), "no whole program") {
			t.Errorf("%s: got %v, want that it is no whole program", tc.name, err)
		}
	}
}

// TestLookAtAProgramTakesLittle is not parallel, because it counts the memory that all take.
func TestLookAtAProgramTakesLittle(t *testing.T) {
	const most = 1<<16 - 1
	for _, tc := range []struct {
		name string
		file []byte
	}{
		{"names that are compressed", bomb(t)},
		{
			"as many sections as there is room for", encode(t, binary.LittleEndian,
				// The number of sections is zero, which leaves it to the first of them.
				header64(func(h *elf.Header64) { h.Shoff, h.Shentsize = elfHeader, 64 }),
				elf.Section64{Size: defaultMaxFile/64 - 1}),
		},
		{
			"as many sections as the header can tell of", encode(t, binary.LittleEndian,
				header64(func(h *elf.Header64) { h.Shoff, h.Shentsize, h.Shnum = elfHeader, 64, most })),
		},
		{
			"as many segments as the header can tell of", encode(t, binary.LittleEndian,
				header64(func(h *elf.Header64) { h.Phoff, h.Phentsize, h.Phnum = elfHeader, 56, most })),
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var err error
			if took := allocated(func() { err = checkELF(sparse(tc.file), defaultMaxFile) }); took > headers {
				t.Errorf("it takes %d bytes, want up to %d", took, headers)
			}
			if err != nil {
				t.Errorf("it is refused: %v", err)
			}
		})
	}
}

// TestChecksumsComeFirst has half a program that the checksums refuse: it is not looked into. Once they allow it, it is
// told for what it is.
func TestChecksumsComeFirst(t *testing.T) {
	t.Parallel()
	half := string(smallProgram(t, elf.ELFCLASS64, elf.ELFDATA2LSB)[:elfHeader])
	dir := t.TempDir()
	sums := write(t, dir, "sums", sumOf("all of it")+"  "+cbor+"\n")
	source := write(t, dir, cbor, half)
	s := openStage(t, t.TempDir(), Options{Checksums: sums})
	_, err := s.Add(t.Context(), source, name(t, cbor))
	if !errors.Is(err, ErrUnlisted) || !strings.Contains(err.Error(), "wait if it is still being copied") {
		t.Errorf("Add() = %v, want that it is not listed, and perhaps not all of it", err)
	}
	write(t, dir, filepath.Base(sums), sumOf(half)+"  "+cbor+"\n")
	refuses(t, s, source, "it is no whole program", source)
	write(t, dir, cbor, "hello")
	refuses(t, s, source, "it is no program") // That needs no look at more than four bytes.
	holds(t, s)
}

// FuzzProgram holds that no bytes make a look at a file panic, or take more than some headers' room.
func FuzzProgram(f *testing.F) {
	f.Add([]byte("\x7fELF"))
	f.Add([]byte("\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 57)))
	f.Add([]byte("\x7fELF\x02\x01\x01" + strings.Repeat("\xff", 99)))
	f.Add([]byte("#!/bin/sh"))
	f.Add(smallProgram(f, elf.ELFCLASS64, elf.ELFDATA2LSB))
	f.Add(smallProgram(f, elf.ELFCLASS32, elf.ELFDATA2MSB))
	f.Fuzz(func(t *testing.T, program []byte) {
		took := allocated(func() {
			_ = checkStart(bytes.NewReader(program))
			_ = checkELF(bytes.NewReader(program), int64(len(program)))
		})
		if took > headers {
			t.Errorf("it takes %d bytes, want up to %d", took, headers)
		}
	})
}

func refusesHalf(t *testing.T, program []byte, size int) {
	t.Helper()
	err := checkELF(bytes.NewReader(program), int64(len(program)))
	if err == nil || !strings.Contains(err.Error(), "no whole program") {
		t.Errorf("%d of %d bytes: got %v, want that it is no whole program", len(program), size, err)
	}
}

// ownProgram is the test's own.
func ownProgram(t *testing.T) []byte {
	t.Helper()
	file, err := os.Executable()
	must(t, err)
	program, err := os.ReadFile(file)
	must(t, err)
	if !strings.HasPrefix(string(program), elf.ELFMAG) {
		t.Skip("programs are no ELF files here")
	}
	return program
}

// smallProgram has a segment, a section, and one that has no bytes in the file though it has a size.
func smallProgram(t testing.TB, class elf.Class, data elf.Data) []byte {
	t.Helper()
	const content = "\xc3content\x00"
	ident := [elf.EI_NIDENT]byte{0x7f, 'E', 'L', 'F', byte(class), byte(data), byte(elf.EV_CURRENT)}
	none, code, bare := uint32(elf.SHT_NULL), uint32(elf.SHT_PROGBITS), uint32(elf.SHT_NOBITS)
	var parts []any
	if class == elf.ELFCLASS64 {
		const segments, sections, begin = 64, 64 + 56, 64 + 56 + 3*64
		parts = []any{
			elf.Header64{
				Ident: ident, Type: uint16(elf.ET_EXEC), Version: 1, Ehsize: segments,
				Phoff: segments, Phentsize: 56, Phnum: 1, Shoff: sections, Shentsize: 64, Shnum: 3,
			},
			elf.Prog64{Type: uint32(elf.PT_LOAD), Off: begin, Filesz: uint64(len(content)), Memsz: 1 << 40},
			elf.Section64{Type: none, Off: 1 << 40, Size: 1},
			elf.Section64{Type: code, Off: begin, Size: uint64(len(content))},
			elf.Section64{Type: bare, Off: begin, Size: 1 << 40},
		}
	} else {
		const segments, sections, begin = 52, 52 + 32, 52 + 32 + 3*40
		parts = []any{
			elf.Header32{
				Ident: ident, Type: uint16(elf.ET_EXEC), Version: 1, Ehsize: segments,
				Phoff: segments, Phentsize: 32, Phnum: 1, Shoff: sections, Shentsize: 40, Shnum: 3,
			},
			elf.Prog32{Type: uint32(elf.PT_LOAD), Off: begin, Filesz: uint32(len(content)), Memsz: 1 << 30},
			elf.Section32{Type: none, Off: 1 << 30, Size: 1},
			elf.Section32{Type: code, Off: begin, Size: uint32(len(content))},
			elf.Section32{Type: bare, Off: begin, Size: 1 << 30},
		}
	}
	order := binary.ByteOrder(binary.LittleEndian)
	if data == elf.ELFDATA2MSB {
		order = binary.BigEndian
	}
	return encode(t, order, append(parts, []byte(content))...)
}

// bomb is a file whose table of the sections' names is compressed, as what takes a thousand times its room.
func bomb(t testing.TB) []byte {
	t.Helper()
	const size = 64 << 20
	var names bytes.Buffer
	w := zlib.NewWriter(&names)
	_, err := io.Copy(w, io.NewSectionReader(sparse{}, 0, size))
	must(t, errors.Join(err, w.Close()))
	const begin = 64 + 2*64
	return encode(t, binary.LittleEndian,
		header64(func(h *elf.Header64) { h.Shoff, h.Shentsize, h.Shnum, h.Shstrndx = elfHeader, 64, 2, 1 }),
		elf.Section64{},
		elf.Section64{
			Type: uint32(elf.SHT_STRTAB), Flags: uint64(elf.SHF_COMPRESSED), Off: begin, Size: uint64(24 + names.Len()),
		},
		elf.Chdr64{Type: uint32(elf.COMPRESS_ZLIB), Size: size, Addralign: 1},
		names.Bytes())
}

func header64(set func(*elf.Header64)) elf.Header64 {
	h := elf.Header64{Ident: [elf.EI_NIDENT]byte{0x7f, 'E', 'L', 'F', 2, 1, 1}, Version: 1, Ehsize: elfHeader}
	set(&h)
	return h
}

func encode(t testing.TB, order binary.ByteOrder, parts ...any) []byte {
	t.Helper()
	var b bytes.Buffer
	for _, part := range parts {
		must(t, binary.Write(&b, order, part))
	}
	return b.Bytes()
}

// allocated is how many bytes of memory act takes, be they given back or not.
func allocated(act func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	act()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// sparse is a file that begins with some bytes and has zeros for ever after.
type sparse []byte

func (s sparse) ReadAt(p []byte, offset int64) (int, error) {
	clear(p)
	if offset < int64(len(s)) {
		copy(p, s[offset:])
	}
	return len(p), nil
}
