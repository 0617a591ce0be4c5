package main

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
)

// executable is the mode of an installed plugin: everyone may run it, whatever user a host has.
const executable = 0o755

// install brings the plugins of one directory into another, and tells of each. What else is in either is left alone.
func install(from, to string, stdout io.Writer) error {
	source, err := os.OpenRoot(from)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := os.OpenRoot(to)
	if err != nil {
		return err
	}
	defer target.Close()
	files, err := fs.ReadDir(source.FS(), ".")
	if err != nil {
		return err
	}
	found := 0
	for _, file := range files {
		name, err := contract.ParseName(file.Name())
		if err != nil || !file.Type().IsRegular() {
			continue
		}
		found++
		done, err := bring(source, target, name.File)
		if err != nil {
			return fmt.Errorf("%s: %w", name.File, err)
		}
		fmt.Fprintf(stdout, "%s is %s\n", name.File, done)
	}
	if found == 0 {
		return fmt.Errorf("%s holds no plugin, a file called protocol-grpc-NAME or protocol-rpc-NAME", from)
	}
	return nil
}

// bring copies one file, unless the target has the same content.
func bring(source, target *os.Root, name string) (done string, err error) {
	wanted, err := digest(source, name)
	if err != nil {
		return "", err
	}
	present, err := digest(target, name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if bytes.Equal(wanted, present) {
		return "there already", nil
	}
	return "installed", replace(source, target, name)
}

// replace writes the copy under a name that no host takes for a plugin, and renames it once it is whole and on the
// disk.
func replace(source, target *os.Root, name string) error {
	in, err := source.Open(name)
	if err != nil {
		return err
	}
	defer in.Close()
	temporary := "." + name + "." + rand.Text()
	out, err := target.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, executable)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	// The umask must not keep a host of another user from reading it.
	err = errors.Join(err, out.Chmod(executable), out.Sync(), out.Close())
	if err == nil {
		err = target.Rename(temporary, name)
	}
	if err != nil {
		return errors.Join(err, target.Remove(temporary))
	}
	return nil
}

func digest(directory *os.Root, name string) ([]byte, error) {
	file, err := directory.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return nil, err
	}
	return sum.Sum(nil), nil
}
