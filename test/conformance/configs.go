package conformance

import (
	"errors"
	"os"
	"path/filepath"
	"time"
)

// configurations is the live view of a mounted ConfigMap.
func configurations() []Group {
	const established = "sees a change only when kubelet swaps the directory"
	return []Group{
		{Name: "configs", Routes: []string{"/configs"}, Cases: []Case{
			it("answers with an object", get("/configs").want(status(200), jsonReply(), objectOfText())),
		}},
		{Name: "configs of a directory", Routes: []string{"/configs"}, Settings: []string{"--config-path=${dir}"},
			Prepare: writeFiles("b.txt", "two\n", "a.yaml", "<one>: 1"), Needs: []Capability{Files}, Cases: []Case{
				it("shows every file", get("/configs").
					want(status(200), jsonIs(`{"a.yaml": "<one>: 1", "b.txt": "two\n"}`))),
				it("sees a file that is added", step(put1("c.txt", "three")),
					get("/configs").soon(5*time.Second).
						want(status(200), jsonIs(`{"a.yaml": "<one>: 1", "b.txt": "two\n", "c.txt": "three"}`))).
					differs(established),
				it("sees a file that changes", step(put1("c.txt", "drei")),
					get("/configs").soon(5*time.Second).
						want(status(200), jsonIs(`{"a.yaml": "<one>: 1", "b.txt": "two\n", "c.txt": "drei"}`))).
					differs(established),
				it("leaves directories out", step(func(s *session) error {
					return os.Mkdir(filepath.Join(s.dir, "directory"), 0o750)
				}), step(put1("d.txt", "")), get("/configs").soon(5*time.Second).want(status(200),
					jsonIs(`{"a.yaml": "<one>: 1", "b.txt": "two\n", "c.txt": "drei", "d.txt": ""}`))).
					differs(established),
			}},
		{Name: "configs of a ConfigMap", Routes: []string{"/configs"}, Settings: []string{"--config-path=${dir}"},
			Prepare: func(dir string) error { return swap(dir, "1", "old.txt", "old", "kept.txt", "1") },
			Needs:   []Capability{Files}, Cases: []Case{
				it("shows its keys and nothing of how it is mounted", get("/configs").
					want(status(200), jsonIs(`{"kept.txt": "1", "old.txt": "old"}`))),
				it("sees changed, added and removed keys after kubelet swapped the directory",
					step(func(s *session) error { return swap(s.dir, "2", "new.txt", "new", "kept.txt", "2") }),
					get("/configs").soon(5*time.Second).
						want(status(200), jsonIs(`{"kept.txt": "2", "new.txt": "new"}`))).
					differs("keeps the old set for good when a key was removed"),
			}},
		{Name: "configs of no directory", Routes: []string{"/configs"}, Settings: []string{"--config-path=${dir}/nothing"},
			Prepare: writeFiles("ignored.txt", ""), Needs: []Capability{Files}, Cases: []Case{
				it("is empty, and the server works", get("/configs").want(status(200), jsonIs(`{}`)),
					get("/healthz").want(status(200), jsonIs(`{"status": "OK"}`))),
			}},
	}
}

// objectOfText checks that the answer is an object whose values are strings.
func objectOfText() check {
	return func(x *exchange) error {
		if _, err := x.field(""); err != nil && len(x.body) > 0 && x.body[0] == '{' {
			return nil
		}
		return errors.New("the body is not an object")
	}
}

// writeFiles returns a function that writes files, given as names and contents in turn.
func writeFiles(files ...string) func(dir string) error {
	return func(dir string) error {
		var errs []error
		for i := 0; i+1 < len(files); i += 2 {
			errs = append(errs, os.WriteFile(filepath.Join(dir, files[i]), []byte(files[i+1]), 0o600))
		}
		return errors.Join(errs...)
	}
}

// put1 writes one file into the directory of the case.
func put1(name, content string) func(*session) error {
	return func(s *session) error { return writeFiles(name, content)(s.dir) }
}

// swap changes a directory as kubelet does with a mounted ConfigMap: the files are written to a directory of their own,
// the link ..data is moved there in one step, and only then the links of the keys are added and removed.
func swap(dir, generation string, files ...string) error {
	hidden := "..generation_" + generation
	previous, _ := os.Readlink(filepath.Join(dir, "..data")) // none the first time
	if err := os.Mkdir(filepath.Join(dir, hidden), 0o750); err != nil {
		return err
	}
	if err := writeFiles(files...)(filepath.Join(dir, hidden)); err != nil {
		return err
	}
	link := filepath.Join(dir, "..data_tmp")
	if err := errors.Join(os.Symlink(hidden, link), os.Rename(link, filepath.Join(dir, "..data"))); err != nil {
		return err
	}
	for i := 0; i+1 < len(files); i += 2 {
		err := os.Symlink(filepath.Join("..data", files[i]), filepath.Join(dir, files[i]))
		if err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	if previous == "" {
		return nil
	}
	return removeStale(dir, filepath.Join(dir, previous))
}

// removeStale removes the links of keys that are no more, and the files that they led to.
func removeStale(dir, previous string) error {
	old, err := os.ReadDir(previous)
	if err != nil {
		return err
	}
	for _, entry := range old {
		if _, err := os.Stat(filepath.Join(dir, "..data", entry.Name())); !errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err := os.Remove(filepath.Join(dir, entry.Name())); err != nil {
			return err
		}
	}
	return os.RemoveAll(previous)
}
