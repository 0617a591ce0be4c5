package plugin

import (
	"io/fs"
	"os"
	"path/filepath"

	goplugin "github.com/hashicorp/go-plugin"
)

// sockets is the directory in which go-plugin makes the sockets of this process. go-plugin removes them only when its
// host tells it to end.
type sockets struct{ dir string }

// openSockets returns the directory that the host made for this process, or makes one.
func openSockets(getenv func(string) string) (sockets, error) {
	if dir := getenv(goplugin.EnvUnixSocketDir); dir != "" {
		return sockets{dir}, nil
	}
	dir, err := os.MkdirTemp("", "plugin")
	if err != nil {
		return sockets{}, err
	}
	return sockets{dir}, os.Setenv(goplugin.EnvUnixSocketDir, dir)
}

// remove removes the sockets, and the directory if nothing else is in it.
func (s sockets) remove() {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return // the host was faster
	}
	for _, entry := range entries {
		if entry.Type() == fs.ModeSocket {
			_ = os.Remove(filepath.Join(s.dir, entry.Name()))
		}
	}
	_ = os.Remove(s.dir)
}
