package stage

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"syscall"
)

// maxChecksums is how many bytes a file of checksums may have, some ten thousand lines.
const maxChecksums = 1 << 20

// ErrUnlisted is the kind of the errors of Add that other checksums may mend: they do not list the file, or cannot be
// read.
var ErrUnlisted = errors.New("not among the checksums")

// unlisted is an error of the kind ErrUnlisted whose text stands for itself.
type unlisted struct{ error }

func (u unlisted) Unwrap() error { return u.error }

func (unlisted) Is(target error) bool { return target == ErrUnlisted }

// checksums are the sums, in lower-case hexadecimal, that each name may have.
type checksums map[string]map[string]bool

// readChecksums reads the file of checksums.
func readChecksums(file string) (checksums, error) {
	sums, err := openChecksums(file)
	if err != nil {
		return nil, fmt.Errorf("cannot read --plugin-checksums %q: %w", file, err)
	}
	return sums, nil
}

func openChecksums(file string) (checksums, error) {
	// Without O_NONBLOCK a named pipe would make us wait.
	f, err := os.OpenFile(file, os.O_RDONLY|syscall.O_NONBLOCK, 0) //nolint:gosec // The user says which file is read.
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // It was only read.
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errors.New("it is no regular file")
	case info.Size() > maxChecksums:
		return nil, fmt.Errorf("it is larger than %d bytes", maxChecksums)
	}
	return parseChecksums(io.LimitReader(f, maxChecksums))
}

// parseChecksums reads what sha256sum writes, a line for each file: the sum in hexadecimal, a blank, another one or an
// asterisk (the marks of text and binary mode, which mean nothing here), and the name. Of a name with directories the
// last part counts, as in the list that a build makes of its bin/plugins/*. Empty lines and those that begin with # are
// left out. Several lines for one name allow several versions.
//
// A line that is anything else is an error: to guess what a list of trusted files may mean is not for a program.
// See https://www.gnu.org/software/coreutils/manual/html_node/cksum-output-modes.html.
func parseChecksums(r io.Reader) (checksums, error) {
	sums := checksums{}
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimRight(lines.Text(), " \t\r")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		sum, name, ok := parseLine(line)
		if !ok {
			return nil, fmt.Errorf("line %d is not as sha256sum writes it: 64 hexadecimal digits, two blanks and the "+
				"name of a plugin's file", n)
		}
		if sums[name] == nil {
			sums[name] = map[string]bool{}
		}
		sums[name][sum] = true
	}
	return sums, lines.Err()
}

func parseLine(line string) (sum, name string, ok bool) {
	const digits = 2 * sha256.Size
	if len(line) < digits+len("  x") || line[digits] != ' ' || line[digits+1] != ' ' && line[digits+1] != '*' {
		return "", "", false
	}
	sum = strings.ToLower(line[:digits])
	if _, err := hex.DecodeString(sum); err != nil {
		return "", "", false
	}
	return sum, path.Base(line[digits+2:]), true
}
