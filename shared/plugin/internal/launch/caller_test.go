package launch

import (
	"context"
	"strings"
	"testing"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
)

// scribe is a host that keeps what it is to log.
type scribe struct {
	contract.Caller
	lines []string
}

func (s *scribe) Log(_ context.Context, level, message string) error {
	s.lines = append(s.lines, level+" "+message)
	return nil
}

// A plugin must not fill the log by calling its host either.
func TestCallsCannotFloodTheLog(t *testing.T) {
	t.Parallel()
	o, _, warnings := record(t)
	s := &scribe{}
	caller := limitCaller(s, o)
	for range linesInSecond + 50 {
		if err := caller.Log(t.Context(), "info", strings.Repeat("é", longestLine)); err != nil {
			t.Fatal(err)
		}
	}
	if len(s.lines) != linesInSecond {
		t.Errorf("%d lines in a second were logged, want %d", len(s.lines), linesInSecond)
	}
	if line := s.lines[0]; !strings.HasPrefix(line, "info é") || len(line) > longestLine+10 {
		t.Errorf("a line of %d bytes was logged, want about %d", len(line), longestLine)
	}
	o.close()
	if got := warnings(); len(got) != 1 || !strings.HasPrefix(got[0], "warning The plugin wrote more") {
		t.Errorf("the log has %q, want the count of the lines that were dropped", got)
	}
	if limitCaller(nil, o) != nil {
		t.Error("no host became one that can be called")
	}
}
