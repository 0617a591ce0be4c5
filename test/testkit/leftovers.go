package testkit

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
)

// RunLeavingNothing runs the tests of a package with a temporary directory of their own, and returns the code to exit
// with. Tests that pass fail all the same when they leave a goroutine, a directory of a plugin host, or what also
// finds, which is given the temporary directory. Nil for also looks no further.
func RunLeavingNothing(m *testing.M, also func(temp string) error) (code int) {
	temp, err := os.MkdirTemp("", "test-")
	if err == nil {
		err = os.Setenv("TMPDIR", temp)
	}
	if err == nil {
		code = m.Run()
	}
	if code == 0 && err == nil {
		err = hostsLeft(temp)
		if also != nil {
			err = errors.Join(err, also(temp))
		}
		err = errors.Join(err, goleak.Find())
	}
	if err := errors.Join(err, os.RemoveAll(temp)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

func hostsLeft(temp string) error {
	left, err := filepath.Glob(filepath.Join(temp, "podinfo-plugins-*"))
	if err == nil && len(left) > 0 {
		err = fmt.Errorf("hosts left %v", left)
	}
	return err
}
