package stage

import (
	"fmt"
	"os"
)

// Private is a directory for what no program is made of, such as sockets, and belongs to this process alone. Like a
// Stage it is deleted by another process when this one is killed.
type Private struct{ dir *directory }

// MakePrivate makes such a directory in the system's temporary one, so that its path is short.
func MakePrivate() (*Private, error) {
	dir, err := newDirectory(os.TempDir(), false)
	if err != nil {
		return nil, fmt.Errorf("cannot make a directory for the sockets of plugins: %w; "+
			"set TMPDIR to a directory that can be written to", err)
	}
	return &Private{dir}, nil
}

// Path is where it is, absolute.
func (p *Private) Path() string { return p.dir.path }

// Close deletes it with everything in it. It is called once.
func (p *Private) Close() error { return p.dir.remove() }
