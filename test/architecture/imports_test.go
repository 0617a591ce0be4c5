// Package architecture holds the tests of the project's own structure.
package architecture

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/podinfo-targets/podinfo/"

// floors says, for the packages below a path, which other paths of the module they may import, from the ground up: a
// request travels from targets through handlers or rpc to shared, and nothing imports upward.
var floors = []struct {
	below string
	may   []string
}{
	{"shared/", []string{"shared/"}},
	{"handlers", []string{"handlers/", "shared/"}},
	{"rpc", []string{"rpc/", "shared/"}},
	{"plugins", []string{"plugins/", "shared/plugin"}},
	{"podcli", []string{"podcli/", "shared/version"}},
	{"targets/internal/targettest", []string{"shared/", "test/testkit"}},
	{"targets/internal/", []string{"targets/internal/", "handlers", "rpc", "shared/"}},
	{"targets/lambda", []string{"targets/lambda/", "targets/internal/", "handlers", "shared/"}},
	{"targets/", []string{"targets/internal/", "handlers", "rpc", "shared/"}},
	{"test/", []string{"handlers", "rpc", "shared/", "targets/", "test/"}},
}

// TestImportsGoOneWay reads every package's imports from the go command and holds them against the floors.
func TestImportsGoOneWay(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		name, ours := strings.CutPrefix(p.ImportPath, module)
		if !ours {
			continue
		}
		allowed, known := allowedFor(name)
		if !known {
			t.Errorf("package %s stands on no floor: give it one in this test", name)
			continue
		}
		for _, imported := range p.Imports {
			target, ours := strings.CutPrefix(imported, module)
			if ours && !within(target, allowed) {
				t.Errorf("%s imports %s; it may import %s only", name, target, strings.Join(allowed, ", "))
			}
		}
	}
}

// TestLittleIsSharedSideways keeps the concerns of shared independent: each may know few of the others.
func TestLittleIsSharedSideways(t *testing.T) {
	t.Parallel()
	const most = 2
	neighbors := make(map[string]map[string]bool)
	for _, p := range packages(t) {
		own, ok := concern(p.ImportPath)
		if !ok {
			continue
		}
		for _, imported := range p.Imports {
			other, ok := concern(imported)
			if !ok || other == own {
				continue
			}
			if neighbors[own] == nil {
				neighbors[own] = make(map[string]bool)
			}
			neighbors[own][other] = true
		}
	}
	for own, others := range neighbors {
		if len(others) > most {
			t.Errorf("shared/%s imports %v; more than %d neighbors make it a knot", own, others, most)
		}
	}
}

// concern is the first part of a package's path below shared.
func concern(path string) (string, bool) {
	below, ok := strings.CutPrefix(path, module+"shared/")
	name, _, _ := strings.Cut(below, "/")
	return name, ok
}

// pkg is what go list tells of a package. Imports are those of its code, not of its tests.
type pkg struct {
	ImportPath string
	Imports    []string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports", module+"...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var list []pkg
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("reading go list: %v", err)
		}
		list = append(list, p)
	}
	if len(list) < 10 {
		t.Fatalf("go list names %d packages only: the test reads the wrong place", len(list))
	}
	return list
}

func allowedFor(name string) (allowed []string, known bool) {
	for _, f := range floors {
		if name == f.below || strings.HasPrefix(name, strings.TrimSuffix(f.below, "/")+"/") {
			return f.may, true
		}
	}
	return nil, false
}

// within tells whether name is one of the paths or lies below one.
func within(name string, paths []string) bool {
	for _, p := range paths {
		p = strings.TrimSuffix(p, "/")
		if name == p || strings.HasPrefix(name, p+"/") {
			return true
		}
	}
	return false
}
