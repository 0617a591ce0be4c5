package watch

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
)

// maxEntries bounds how many entries of the directory are looked at.
const maxEntries = 1024

var errUnmounted = errors.New("another file system is there, with no plugin in it, as if the volume were unmounted")

// mark is what a file looks like from outside. That of a file that is not there is the zero value.
type mark struct {
	entry fs.FileInfo // of what has the name
	file  fs.FileInfo // of the file itself, where that is a link to one in the directory
	link  string      // where a link leads to
}

func (m mark) absent() bool { return m.file == nil }

func (m mark) equal(o mark) bool {
	if m.absent() || o.absent() {
		return m.absent() && o.absent()
	}
	return m.link == o.link && same(m.entry, o.entry) && same(m.file, o.file)
}

// same tells whether nothing seems to have happened to a file between two looks at it.
//
// The time of its last change of any kind is compared too. A file that was deleted and put back from a backup may have
// its old content, time and even inode, but whoever saw to the deletion without us has forgotten the plugin, and waits
// to be told of it. And a file that could not be read may be worth another try when it is somebody else's now. That a
// second name for the file counts as a change costs but a look at its content.
func same(a, b fs.FileInfo) bool {
	return os.SameFile(a, b) && a.Size() == b.Size() && a.Mode() == b.Mode() &&
		a.ModTime().Equal(b.ModTime()) && ctime(a).Equal(ctime(b))
}

// snapshot is what a look at the directory shows.
type snapshot struct {
	device   any               // the file system that the directory is on
	marks    map[string]mark   // of the entries with a plugin's name
	unknown  map[string]bool   // those of them that could not be looked at
	problems map[string]string // what is wrong with an entry, by its name
}

// look looks at the directory dir: at the entries that have a plugin's name, and at those that are known, which are
// looked for even when so many entries came before them that they are not in the list.
func look(dir string, known map[string]mark) (snapshot, error) {
	// With a separator at the end it is a directory that is opened, or nothing: a named pipe would make us wait.
	root, err := os.OpenRoot(dir + string(filepath.Separator))
	if err != nil {
		return snapshot{}, err
	}
	defer func() { _ = root.Close() }() // It was only a way to what is in it.
	s := snapshot{marks: map[string]mark{}, unknown: map[string]bool{}, problems: map[string]string{}}
	if err := s.list(root); err != nil {
		return snapshot{}, err
	}
	for name := range known {
		if _, listed := s.marks[name]; !listed {
			s.marks[name] = mark{}
		}
	}
	for name := range s.marks {
		s.inspect(root, name)
	}
	return s, nil
}

// list notes the names of plugins in the directory.
func (s *snapshot) list(root *os.Root) error {
	d, err := root.Open(".")
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }() // It was only read.
	info, err := d.Stat()
	if err != nil {
		return err
	}
	s.device = device(info)
	// ReadDir would ask for more of each entry than its name, and fail when there is no answer for one of them.
	names, err := d.Readdirnames(maxEntries + 1)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if len(names) > maxEntries {
		s.problems["."] = fmt.Sprintf("it has more than %d entries; some are left out, perhaps plugins too", maxEntries)
	}
	for _, name := range names[:min(len(names), maxEntries)] {
		s.add(root, name)
	}
	return nil
}

// add notes an entry if it has the name of a plugin. Hidden files, which are kubelet's and those of copies under way,
// and directories may have any name.
func (s *snapshot) add(root *os.Root, name string) {
	_, err := contract.ParseName(name)
	if err == nil {
		s.marks[name] = mark{}
		return
	}
	if strings.HasPrefix(name, ".") {
		return
	}
	if info, statErr := root.Lstat(name); statErr == nil && !info.IsDir() {
		s.problems[name] = err.Error()
	}
}

// inspect makes the mark of the entry, which it drops when there is none.
func (s *snapshot) inspect(root *os.Root, name string) {
	m, err := inspect(root, name)
	switch {
	case err == nil:
		s.marks[name] = m
	case errors.Is(err, fs.ErrNotExist):
		delete(s.marks, name)
		if m.link != "" {
			s.problems[name] = fmt.Sprintf("%q is a link to %q, which is not there", name, m.link)
		}
	default:
		s.unknown[name] = true
		s.problems[name] = fmt.Sprintf("cannot look at %q: %v", name, err)
	}
}

func inspect(root *os.Root, name string) (mark, error) {
	info, err := root.Lstat(name)
	if err != nil || info.Mode().Type() != fs.ModeSymlink {
		return mark{entry: info, file: info}, err
	}
	link, err := root.Readlink(name)
	if err != nil {
		return mark{}, err
	}
	// A link may lead through another one that is what changes: name -> ..data/name, ..data -> ..2026_01_02.
	through, err := root.Readlink(path.Dir(link))
	if err == nil {
		link = path.Join(link, "from", through)
	}
	target, err := root.Stat(name)
	switch {
	case err == nil:
		return mark{entry: info, file: target, link: link}, nil
	case errors.Is(err, fs.ErrNotExist):
		return mark{link: link}, err
	}
	// A link out of the directory, or one that cannot be followed. That is for the stage to refuse.
	return mark{entry: info, file: info, link: link}, nil
}

// newest returns up to most of the names whose text is not as it was, in order, and how many more there are.
func newest(now, before map[string]string, most int) (names []string, more int) {
	for name, text := range now {
		if before[name] != text {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names[:min(len(names), most)], max(0, len(names)-most)
}
