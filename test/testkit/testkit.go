// Package testkit holds what the tests of every package share: the check for programs that a test needs, and the
// bounded wait for a condition. It is imported by tests only.
package testkit

import (
	"os"
	"os/exec"
	"testing"
	"time"
)

// RequireAll is the environment variable that turns a missing program from a skip into a failure. CI sets it, so that
// nothing is skipped there in silence.
const RequireAll = "PODINFO_REQUIRE_ALL"

// Need returns the path of program, or ends the test: with a skip that names the test and the program, or with a
// failure when PODINFO_REQUIRE_ALL is set.
func Need(t testing.TB, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err == nil {
		return path
	}
	Lack(t, program+", which is not installed")
	return ""
}

// Optional is Need for a program that a machine cannot be asked to have, such as the command line of a cloud: without
// it the test is skipped, by name, even where nothing else may be.
func Optional(t testing.TB, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Skipf("SKIPPED %s: needs %s, which is not installed", t.Name(), program)
	}
	return path
}

// Lack ends a test that needs what this machine does not have, as Need does. What is missing is said in words, such as
// "network namespaces, which need a Linux kernel".
func Lack(t testing.TB, what string) {
	t.Helper()
	if os.Getenv(RequireAll) != "" {
		t.Fatalf("%s needs %s", t.Name(), what)
	}
	t.Skipf("SKIPPED %s: needs %s", t.Name(), what)
}

// Eventually waits until condition holds and fails the test, naming what was waited for, when it does not within
// timeout.
func Eventually(t testing.TB, timeout time.Duration, what string, condition func() bool) {
	t.Helper()
	deadline := time.NewTimer(timeout)
	defer deadline.Stop()
	poll := time.NewTicker(2 * time.Millisecond)
	defer poll.Stop()
	for {
		if condition() {
			return
		}
		select {
		case <-deadline.C:
			t.Fatalf("after %s still waiting for: %s", timeout, what)
		case <-poll.C:
		}
	}
}
