package main

import (
	"os/exec"
	"strings"
	"testing"
)

func TestStartOn(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), "grep", "Cpus_allowed_list", "/proc/self/status")
	var out strings.Builder
	cmd.Stdout = &out
	if err := startOn(0, cmd); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if got := strings.Fields(out.String()); len(got) != 2 || got[1] != "0" {
		t.Errorf("it may run on other cores than the first: %s", out.String())
	}
}

func TestStartOnMissingCore(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), "true")
	if err := startOn(1000, cmd); err == nil || !strings.Contains(err.Error(), "core 1000") {
		t.Errorf("core 1000 is taken, with the error %v", err)
	}
}
