package ui

import (
	"embed"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"
)

//go:embed app.js style.css logo.svg
var embeddedFiles embed.FS

// templateName is the page's template in a directory that replaces the page. It is rendered, never served as it is.
const templateName = "vue.html"

// maxFile bounds what is read from the directory for one request, in bytes.
const maxFile = 8 << 20

var errTooLarge = fmt.Errorf("larger than %d MiB", maxFile>>20)

// Asset returns the file that is served at /ui/<name>, with its media type and an entity tag for it (RFC 9110 §8.8.3).
// A file in the directory hides an embedded one of the same name. ok is false when there is no such file, or when it
// may not be served: the template itself, hidden files, and anything that is not a regular file below the directory.
func (u *UI) Asset(name string) (data []byte, contentType, modTag string, ok bool) {
	if !servable(name) {
		return nil, "", "", false
	}
	data, err := u.read(name)
	if err != nil {
		return nil, "", "", false
	}
	return data, mediaType(name), fmt.Sprintf(`"%08x-%x"`, crc32.ChecksumIEEE(data), len(data)), true
}

func (u *UI) read(name string) ([]byte, error) {
	if u.dir != "" {
		data, err := readBelow(u.dir, name)
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return data, err
		}
	}
	return embeddedFiles.ReadFile(name)
}

// servable refuses names that lead out of the directory and names with a hidden element: in a mounted ConfigMap
// ..data holds every file once more, the template too.
func servable(name string) bool {
	if !fs.ValidPath(name) || name == templateName {
		return false
	}
	for element := range strings.SplitSeq(name, "/") {
		if strings.HasPrefix(element, ".") {
			return false
		}
	}
	return true
}

// readBelow reads a regular file below dir. Links are followed, as kubelet's mounts need, but never out of dir.
func readBelow(dir, name string) ([]byte, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	// Without O_NONBLOCK opening a named pipe would wait for somebody to write to it.
	file, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return readRegular(file)
}

func readRegular(file *os.File) ([]byte, error) {
	status, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !status.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", status.Name())
	}
	data, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("%s is %w", status.Name(), errTooLarge)
	}
	return data, nil
}

// mediaType names the type by the file's extension. The system's own table, which package mime reads, differs from one
// image to the next.
func mediaType(name string) string {
	switch strings.ToLower(path.Ext(name)) {
	case ".css":
		return "text/css; charset=utf-8"
	case ".gif":
		return "image/gif"
	case ".html":
		return "text/html; charset=utf-8"
	case ".ico":
		return "image/x-icon"
	case ".jpg", ".jpeg":
		return "image/jpeg"
	case ".js", ".mjs":
		return "text/javascript; charset=utf-8"
	case ".json", ".map":
		return "application/json"
	case ".png":
		return "image/png"
	case ".svg":
		return "image/svg+xml"
	case ".txt":
		return "text/plain; charset=utf-8"
	case ".webp":
		return "image/webp"
	case ".woff2":
		return "font/woff2"
	default:
		return "application/octet-stream"
	}
}
