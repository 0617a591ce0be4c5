package stage

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"syscall"
)

// source is an opened file of a plugin.
type source interface {
	io.Reader
	Stat() (fs.FileInfo, error)
}

// copyFile copies the file to a new one of the stage's own directory, and returns the name and the SHA-256 sum of that.
func (s *Stage) copyFile(ctx context.Context, file string) (temp, sum string, err error) {
	f, err := openSource(file)
	if err != nil {
		return "", "", fmt.Errorf("cannot stage the plugin %q: %w", file, err)
	}
	defer func() { _ = f.Close() }() // It was only read.
	temp, sum, err = s.copySource(ctx, f)
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return "", "", fmt.Errorf("cannot stage the plugin %q: %w; make room in %q, or set --plugins-stage-path to "+
			"a directory that has more", file, err, s.dir.path)
	case err != nil:
		return "", "", fmt.Errorf("cannot stage the plugin %q: %w", file, err)
	}
	return temp, sum, nil
}

// copySource is copyFile for a file that is open. It leaves nothing behind when it fails.
func (s *Stage) copySource(ctx context.Context, src source) (temp, sum string, err error) {
	before, err := src.Stat()
	if err != nil {
		return "", "", err
	}
	if err := s.checkSize(before.Size()); err != nil {
		return "", "", err
	}
	temp = "copy-" + rand.Text()
	dst, err := s.dir.root.OpenFile(temp, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", "", err
	}
	sum, err = s.fill(ctx, dst, src, before)
	if err = errors.Join(err, dst.Close()); err == nil {
		err = awaitWriters(ctx, s.dir.root, temp)
	}
	if err != nil {
		return "", "", errors.Join(err, s.dir.root.Remove(temp))
	}
	return temp, sum, nil
}

// fill copies src to dst and checks what dst then is.
func (s *Stage) fill(ctx context.Context, dst *os.File, src source, before fs.FileInfo) (sum string, err error) {
	size, err := io.Copy(dst, io.LimitReader(ending{ctx, src}, s.maxFile+1))
	if err != nil {
		return "", err
	}
	if err := s.checkSize(size); err != nil {
		return "", err
	}
	after, err := src.Stat()
	if err != nil {
		return "", err
	}
	if size != after.Size() || before.Size() != after.Size() || !before.ModTime().Equal(after.ModTime()) {
		return "", errors.New("it changed while it was copied; copy files to another name there, and then rename them")
	}
	if err := checkStart(dst); err != nil {
		return "", err
	}
	hash := sha256.New()
	if _, err := io.Copy(hash, ending{ctx, io.NewSectionReader(dst, 0, size)}); err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil)), dst.Chmod(0o500)
}

func (s *Stage) checkSize(size int64) error {
	switch {
	case size == 0:
		return errors.New("it is empty")
	case size > s.maxFile:
		return fmt.Errorf("it is larger than %d bytes; raise --plugin-max-file-size if it has to be", s.maxFile)
	}
	return nil
}

// checkStart returns an error unless f begins as a program does, so that a text or an archive that was put there by
// mistake is called that.
func checkStart(f io.ReaderAt) error {
	head := make([]byte, 4)
	n, err := f.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	switch head := string(head[:n]); {
	case len(head) >= 2 && head[:2] == "#!":
	case head == elf.ELFMAG:
	case runtime.GOOS == "darwin" && head == "\xcf\xfa\xed\xfe": // Mach-O, 64 bit
	default:
		return fmt.Errorf("it is no program: it begins with %q, not with #! and not as an ELF file", head)
	}
	return nil
}

// checkWhole returns an error when the copy temp is but a part of a program. The copy has been accepted by then: what
// the checksums refuse is not looked into.
func (s *Stage) checkWhole(temp string) error {
	f, err := s.dir.root.Open(temp)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // It was only read.
	info, err := f.Stat()
	if err != nil {
		return err
	}
	return checkELF(f, info.Size())
}

// ending is a reader that ends with a context.
type ending struct {
	ctx context.Context
	io.Reader
}

func (r ending) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}
