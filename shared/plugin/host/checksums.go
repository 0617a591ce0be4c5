package host

import (
	"io/fs"
	"os"
	"time"
)

// note is what tells one content of a file from another without a look into it. That of a file that cannot be looked
// at is empty.
type note struct{ info fs.FileInfo }

func noteFile(file string) note {
	info, err := os.Stat(file)
	if err != nil {
		return note{}
	}
	return note{info}
}

func (n note) same(other note) bool {
	a, b := n.info, other.info
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

// follow tells the plugins when the file of checksums is another than last, until Close. It is written by other people
// than the plugins' directory, so that it may well come later than what it lists.
func (h *Host) follow(last note) {
	ticker := time.NewTicker(h.o.Poll)
	defer ticker.Stop()
	for {
		select {
		case <-h.closing.Done():
			return
		case <-ticker.C:
		}
		now := noteFile(h.o.Checksums)
		if now.same(last) {
			continue
		}
		last = now
		for _, p := range h.index.all() {
			p.post(p.relisted)
		}
	}
}
