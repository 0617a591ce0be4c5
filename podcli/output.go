package main

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/term"
)

// errBinary says that a result is not for people to read.
var errBinary = errors.New("the result is not text, and a terminal would obey some of it; " +
	"use --output FILE, a pipe, or --force")

// isTerminal tells whether what is written to out is shown to a person at once.
func isTerminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// writeResult writes result as it is. A terminal gets text alone, unless forced, and the end of the last line.
func writeResult(out io.Writer, result []byte, force bool) error {
	if isTerminal(out) && !force {
		if printableLines(string(result)) != string(result) {
			return errBinary
		}
		if !bytes.HasSuffix(result, []byte("\n")) {
			result = append(result, '\n')
		}
	}
	_, err := out.Write(result)
	return err
}

// writeFile writes content to the file at path, at once: whoever reads it finds what was there before, or all of
// content. What is no regular file, such as a pipe or /dev/stdout, is written to as it is.
func writeFile(path string, content []byte) error {
	target, err := filepath.EvalSymlinks(path) // A link is to stay one.
	if errors.Is(err, fs.ErrNotExist) {
		target, err = path, nil
	}
	if err != nil {
		return fmt.Errorf("--output: %w", err)
	}
	info, err := os.Stat(target)
	if err == nil && !info.Mode().IsRegular() {
		return overwrite(target, content)
	}
	mode := fs.FileMode(0o666) // less the process's umask
	if err == nil {
		mode = info.Mode().Perm()
	}
	return replace(target, content, mode)
}

// overwrite writes content to a device or a pipe.
func overwrite(path string, content []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY, 0) //nolint:gosec // The caller says which file.
	if err != nil {
		return fmt.Errorf("--output: %w", err)
	}
	_, err = file.Write(content)
	if err = errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("--output: %w", err)
	}
	return nil
}

// replace puts a new file with content in the place of the one at path.
func replace(path string, content []byte, mode fs.FileMode) error {
	name := path + ".podcli-" + rand.Text()
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode) //nolint:gosec // as above
	if err != nil {
		return fmt.Errorf("--output: %w", err)
	}
	_, err = file.Write(content)
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(name, path)
	}
	if err != nil {
		_ = os.Remove(name) // The first error tells more.
		return fmt.Errorf("--output: %w", err)
	}
	return nil
}
