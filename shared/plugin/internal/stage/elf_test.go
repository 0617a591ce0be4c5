package stage

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

// The test itself is a program, one with all that a linker makes.
func TestHalfAProgramIsRefused(t *testing.T) {
	t.Parallel()
	file, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(file) //nolint:gosec // It is ours.
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(program), "\x7fELF") {
		t.Skip("programs are no ELF files here")
	}
	size := len(program)
	if err := checkProgram(bytes.NewReader(program), int64(size)); err != nil {
		t.Errorf("all of it: %v", err)
	}
	for _, n := range []int{elfHeader, 100, 1000, 1 << 12, 1 << 16, size / 4, size / 2, size / 4 * 3, size - 1<<12} {
		err := checkProgram(bytes.NewReader(program[:n]), int64(n))
		if err == nil || !strings.Contains(err.Error(), "no whole program") {
			t.Errorf("%d of %d bytes: got %v, want that it is no whole program", n, size, err)
		}
	}
}

// FuzzProgram holds that no bytes make a look at a file panic.
func FuzzProgram(f *testing.F) {
	f.Add([]byte("\x7fELF"))
	f.Add([]byte("\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 57)))
	f.Add([]byte("\x7fELF\x02\x01\x01" + strings.Repeat("\xff", 99)))
	f.Add([]byte("#!/bin/sh"))
	f.Fuzz(func(_ *testing.T, program []byte) {
		_ = checkProgram(bytes.NewReader(program), int64(len(program)))
	})
}
