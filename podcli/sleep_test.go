package main

import (
	"bufio"
	"strconv"
	"syscall"
	"testing"
	"time"
)

func TestSleepWaitsAndExits(t *testing.T) {
	t.Parallel()
	const wait = 30 * time.Millisecond
	for _, code := range []int{0, 1, 3, 255} {
		t.Run(strconv.Itoa(code), func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			r := podcli("", "sleep", wait.String(), "--exit-code="+strconv.Itoa(code))
			if waited := time.Since(start); waited < wait {
				t.Errorf("ended after %s, want %s", waited, wait)
			}
			if r.code != code || r.stdout != "" {
				t.Errorf("exit status %d and stdout %q, want %d and nothing", r.code, r.stdout, code)
			}
			entries := parseLog(t, r.stderr)
			if len(entries) != 1 || entries[0].text != "sleeping" || entries[0].fields["exit code"] != float64(code) {
				t.Errorf("the log says %v, want that it sleeps and how it will end", entries)
			}
		})
	}
}

func TestSignalEndsASleepEarly(t *testing.T) {
	t.Parallel()
	for sig, want := range map[syscall.Signal]int{syscall.SIGTERM: 143, syscall.SIGINT: 130} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			cmd := process(t, "sleep", "1h", "--exit-code=7")
			stderr, err := cmd.StderrPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			log := bufio.NewScanner(stderr)
			if !log.Scan() { // it catches signals before it says that it sleeps
				t.Error("podcli does not say that it sleeps")
			}
			if err := cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			for log.Scan() { // Wait would close the pipe under the reader
			}
			_ = cmd.Wait() // how it ended is looked at below
			if got := cmd.ProcessState.ExitCode(); got != want {
				t.Errorf("podcli ended with %s, want exit status %d", cmd.ProcessState, want)
			}
		})
	}
}
