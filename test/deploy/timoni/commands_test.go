package timoni

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/podinfo-targets/podinfo/test/testkit"
)

// documented is how Timoni is called in our documents: https://timoni.sh/cmd/timoni_apply/ and
// https://timoni.sh/cmd/timoni_delete/.
var documented = regexp.MustCompile(
	`^timoni (?:-n [a-z-]+ )?(?:apply podinfo (\./\S+)(?: --values values\.cue)?|delete podinfo)$`)

// TestDocumentedCommands holds what the documents tell to type against the module's place, because Timoni is not there
// to be asked.
func TestDocumentedCommands(t *testing.T) {
	t.Parallel()
	root := filepath.Join(moduleDir, "../../..")
	for _, document := range []string{filepath.Join(root, "README.md"), filepath.Join(moduleDir, "README.md")} {
		for _, command := range testkit.CommandsOf(t, document, "timoni") {
			call := documented.FindStringSubmatch(command)
			if call == nil {
				t.Errorf("%s tells a command that Timoni's reference does not have: %s", document, command)
				continue
			}
			if call[1] == "" {
				continue
			}
			if _, err := os.Stat(filepath.Join(root, call[1], "timoni.cue")); err != nil {
				t.Errorf("%s applies a module that is not there: %s", document, command)
			}
		}
	}
}
