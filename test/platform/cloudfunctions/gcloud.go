package cloudfunctions

import (
	"encoding/json"
	"os/exec"
	"testing"

	"github.com/podinfo-targets/podinfo/test/testkit"
)

// Lint returns what is wrong with a command, such as "gcloud functions deploy podinfo", in the words of gcloud itself,
// or "". It needs neither a network nor an account. The test is skipped where there is no gcloud.
func Lint(t testing.TB, command string) string {
	t.Helper()
	gcloud := testkit.Optional(t, "gcloud")
	cmd := exec.CommandContext(t.Context(), gcloud, "meta", "lint-gcloud-commands", "--command-string="+command)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var verdicts []struct {
		Success bool   `json:"success"`
		Message string `json:"error_message"`
	}
	if err := json.Unmarshal(out, &verdicts); err != nil {
		t.Fatal(err)
	}
	if len(verdicts) != 1 {
		t.Fatalf("gcloud reads %d commands in %s", len(verdicts), command)
	}
	if !verdicts[0].Success && verdicts[0].Message == "" {
		return "no"
	}
	return verdicts[0].Message
}
