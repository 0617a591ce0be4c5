package watch

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/sirupsen/logrus"
	"github.com/sirupsen/logrus/hooks/test"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/podinfo-targets/podinfo/test/testkit"
)

const (
	patience = 30 * time.Second
	cbor     = "protocol-grpc-cbor"
	msgpack  = "protocol-rpc-msgpack"
)

var (
	// byEvents is a pace without polls, so that what is seen was seen by its event.
	byEvents = pace{poll: time.Hour, settle: 50 * time.Millisecond}
	// byPolls is a pace for a watcher without events.
	byPolls = pace{poll: 50 * time.Millisecond, settle: 25 * time.Millisecond}
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// noWatch makes no watch, as a system does whose inotify limits are used up.
func noWatch() (*fsnotify.Watcher, error) { return nil, unix.EMFILE }

// bothWays runs a test with events alone and with polls alone.
func bothWays(t *testing.T, run func(t *testing.T, dir string, w *recorder)) {
	for _, way := range []struct {
		name   string
		pace   pace
		create func() (*fsnotify.Watcher, error)
	}{
		{"events", byEvents, fsnotify.NewWatcher},
		{"polls", byPolls, noWatch},
	} {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			run(t, dir, start(t, dir, quietLog(), way.pace, way.create))
		})
	}
}

func TestOpenFails(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o600))
	pipe := filepath.Join(t.TempDir(), "pipe")
	must(t, unix.Mkfifo(pipe, 0o600))
	tests := []struct{ name, dir, want string }{
		{"absent", filepath.Join(t.TempDir(), "absent"), "no such file or directory"},
		{"a file", file, "not a directory"},
		{"a pipe nobody writes to", pipe, "not a directory"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w, err := Open(tt.dir, Options{Log: quietLog()})
			if err == nil {
				_ = w.Close()
				t.Fatal("Open() succeeds")
			}
			for _, want := range []string{fmt.Sprintf("cannot read the plugin directory %q: ", tt.dir), tt.want} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("Open() fails with %q, want %q in it", err, want)
				}
			}
		})
	}
}

// TestEntries opens a directory with everything in it that a directory can hold.
func TestEntries(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	files := []string{cbor, msgpack, "README.md", "protocol-grpc-UPPER", ".protocol-grpc-x.tmp", "new\nline"}
	for _, file := range files {
		must(t, os.WriteFile(in(file), nil, 0o600))
	}
	must(t, os.Mkdir(in("lost+found"), 0o700))
	must(t, os.Symlink("v2/x", in("protocol-grpc-dangling")))
	// These are for the stage to refuse, so that the host can say why.
	must(t, os.Mkdir(in("protocol-grpc-directory"), 0o700))
	must(t, unix.Mkfifo(in("protocol-grpc-pipe"), 0o600))
	must(t, os.Symlink("/dev/zero", in("protocol-grpc-out")))
	must(t, os.Symlink("protocol-grpc-circle", in("protocol-grpc-circle")))

	log, logged := test.NewNullLogger()
	w := start(t, dir, log, byEvents, fsnotify.NewWatcher)
	w.reports(t, "added "+cbor, "added protocol-grpc-circle", "added protocol-grpc-directory", "added protocol-grpc-out",
		"added protocol-grpc-pipe", "added "+msgpack)
	for _, change := range w.all() {
		if change.Path != in(change.Name.File) {
			t.Errorf("the path of %s is %q, want %q", change.Name.File, change.Path, in(change.Name.File))
		}
	}
	want := []string{
		"plugins: in " + dir + ` "README.md" is no plugin's name; call it protocol-grpc-NAME or protocol-rpc-NAME, ` +
			"NAME being up to 63 of a-z, 0-9, _ and -, and beginning with a letter or digit",
		"plugins: in " + dir + ` "new\nline" is no plugin's name; `,
		"plugins: in " + dir + ` "protocol-grpc-UPPER" is no plugin's name; `,
		"plugins: in " + dir + ` "protocol-grpc-dangling" is a link to "v2/x", which is not there`,
	}
	w.clear()
	must(t, os.Remove(in(cbor))) // Another look, at which nothing is told again.
	w.reports(t, "removed "+cbor)
	got := lines(logged)
	if !slices.EqualFunc(got, want, strings.HasPrefix) {
		t.Errorf("it logs %q, want %q", got, want)
	}
}

// TestChanges changes a directory as people, tools and Kubernetes do.
func TestChanges(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, dir string, w *recorder) {
		in := func(name string) string { return filepath.Join(dir, name) }
		put := func(name, content string) {
			must(t, os.WriteFile(in(".next"), []byte(content), 0o600))
			must(t, os.Rename(in(".next"), in(name)))
		}
		link := func(target, name string) {
			must(t, os.Symlink(target, in(".link")))
			must(t, os.Rename(in(".link"), in(name)))
		}
		for _, version := range []string{"v1", "v2"} {
			must(t, os.Mkdir(in(version), 0o700))
			must(t, os.WriteFile(in(version+"/cbor"), []byte(version), 0o600))
		}
		old := time.Now().Add(-time.Hour)
		steps := []struct {
			name string
			act  func()
			want []string
		}{
			{"added", func() { put(cbor, "1") }, []string{"added " + cbor}},
			{"replaced by a rename", func() { put(cbor, "2") }, []string{"changed " + cbor}},
			{"written to", func() { must(t, os.WriteFile(in(cbor), []byte("three"), 0o600)) }, []string{"changed " + cbor}},
			{"touched", func() { must(t, os.Chtimes(in(cbor), old, old)) }, []string{"changed " + cbor}},
			{"made readable", func() { must(t, os.Chmod(in(cbor), 0o644)) }, []string{"changed " + cbor}},
			{
				"deleted and made again",
				func() {
					must(t, os.WriteFile(in(".next"), []byte("4"), 0o600))
					must(t, errors.Join(os.Remove(in(cbor)), os.Rename(in(".next"), in(cbor))))
				}, []string{"changed " + cbor},
			},
			{"linked to", func() { must(t, os.Link(in(cbor), in(".backup"))) }, []string{"changed " + cbor}},
			{
				"deleted and linked back",
				func() { must(t, errors.Join(os.Remove(in(cbor)), os.Link(in(".backup"), in(cbor)))) },
				[]string{"changed " + cbor},
			},
			{
				"deleted and copied back with its time",
				func() {
					info, err := os.Stat(in(cbor))
					must(t, err)
					must(t, errors.Join(os.Remove(in(".backup")), os.Remove(in(cbor))))
					must(t, os.WriteFile(in(".next"), []byte("4"), info.Mode()))
					must(t, os.Chtimes(in(".next"), old, info.ModTime()))
					must(t, os.Rename(in(".next"), in(cbor)))
				}, []string{"changed " + cbor},
			},
			{
				"given to who owns it", func() { must(t, os.Chown(in(cbor), os.Getuid(), os.Getgid())) },
				[]string{"changed " + cbor},
			},
			{
				"renamed", func() { must(t, os.Rename(in(cbor), in(msgpack))) },
				[]string{"removed " + cbor, "added " + msgpack},
			},
			{
				"renamed to no plugin's name", func() { must(t, os.Rename(in(msgpack), in("old"))) },
				[]string{"removed " + msgpack},
			},
			{
				"two added", func() {
					put(msgpack, "1")
					put(cbor, "1")
				}, []string{"added " + cbor, "added " + msgpack},
			},
			{"replaced by a link", func() { link("v1/cbor", cbor) }, []string{"changed " + cbor}},
			{"led elsewhere", func() { link("v2/cbor", cbor) }, []string{"changed " + cbor}},
			{
				"deleted and led there again",
				func() { must(t, errors.Join(os.Remove(in(cbor)), os.Symlink("v2/cbor", in(cbor)))) },
				[]string{"changed " + cbor},
			},
			{"led to nothing", func() { link("v3/cbor", cbor) }, []string{"removed " + cbor}},
			{"led through a link", func() {
				link("v1", ".current")
				link(".current/cbor", cbor)
			}, []string{"added " + cbor}},
			{"with that led elsewhere", func() { link("v2", ".current") }, []string{"changed " + cbor}},
			{"led out", func() { link("/dev/null", cbor) }, []string{"changed " + cbor}},
			{
				"all deleted", func() { must(t, errors.Join(os.Remove(in(cbor)), os.Remove(in(msgpack)))) },
				[]string{"removed " + cbor, "removed " + msgpack},
			},
		}
		for _, step := range steps {
			w.clear()
			step.act()
			t.Log(step.name)
			w.reportsInAnyOrder(t, step.want...)
		}
	})
}

// TestWriteThroughLink writes in place to the file that a link leads to, of which there is no event.
func TestWriteThroughLink(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	target := filepath.Join(dir, "v1", "cbor")
	must(t, os.Mkdir(filepath.Dir(target), 0o700))
	must(t, os.WriteFile(target, []byte("1"), 0o600))
	must(t, os.Symlink("v1/cbor", filepath.Join(dir, cbor)))
	w := start(t, dir, quietLog(), byPolls, fsnotify.NewWatcher)
	w.reports(t, "added "+cbor)
	must(t, os.WriteFile(target, []byte("two"), 0o600))
	w.reports(t, "added "+cbor, "changed "+cbor)
}

// TestSameTimeAndSize swaps a ConfigMap twice between two looks. The file that is there then has the size, the time and
// perhaps the inode of the one that was there at the look before.
func TestSameTimeAndSize(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, dir string, w *recorder) {
		in := func(names ...string) string { return filepath.Join(dir, filepath.Join(names...)) }
		when := time.Unix(1, 0) // as builds that can be reproduced have it
		swap := func(n int) {
			version, before := "..v"+strconv.Itoa(n), "..v"+strconv.Itoa(n-1)
			must(t, os.Mkdir(in(version), 0o700))
			must(t, os.WriteFile(in(version, cbor), []byte("x"), 0o600))
			must(t, os.Chtimes(in(version, cbor), when, when))
			must(t, os.Symlink(version, in("..data_tmp")))
			must(t, os.Rename(in("..data_tmp"), in("..data")))
			must(t, os.RemoveAll(in(before)))
		}
		swap(1)
		must(t, os.Symlink("..data/"+cbor, in(cbor)))
		w.reports(t, "added "+cbor)
		for n := 2; n < 10; n += 2 {
			w.clear()
			swap(n)
			swap(n + 1)
			w.reports(t, "changed "+cbor)
		}
	})
}

// TestSwaps makes 500 of kubelet's swaps in all, each of which changes, adds and removes plugins. Nothing is lost and
// nothing reported twice.
func TestSwaps(t *testing.T) {
	t.Parallel()
	const volumes, swaps = 8, 63
	for i := range volumes {
		t.Run(fmt.Sprintf("volume %d", i), func(t *testing.T) {
			t.Parallel()
			pace, create := pace{poll: time.Hour, settle: 10 * time.Millisecond}, fsnotify.NewWatcher
			if i%2 == 1 {
				pace.poll, create = 20*time.Millisecond, noWatch
			}
			v := testkit.NewVolume(t, map[string]string{cbor: "0", "protocol-rpc-0": "0"})
			w := start(t, v.Dir, quietLog(), pace, create)
			w.reports(t, "added "+cbor, "added protocol-rpc-0")
			for n := 1; n <= swaps; n++ {
				value, before := strconv.Itoa(n), strconv.Itoa(n-1)
				w.clear()
				v.Write(t, map[string]string{cbor: value, "protocol-rpc-" + value: value}, n%2 == 0)
				w.reportsInAnyOrder(t,
					"changed "+cbor, "added protocol-rpc-"+value, "removed protocol-rpc-"+before)
			}
		})
	}
}

// TestSwapsWithoutAPause replaces a plugin as fast as it can. When that ends, what is there is what was reported last.
func TestSwapsWithoutAPause(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, dir string, w *recorder) {
		const swaps = 500
		file := filepath.Join(dir, cbor)
		for n := range swaps {
			must(t, os.WriteFile(file+".next", []byte(strconv.Itoa(n)), 0o600))
			must(t, os.Rename(file+".next", file))
		}
		w.eventually(t, "the plugin to be reported", func(got []string) bool { return len(got) > 0 })
		if first := w.texts()[0]; first != "added "+cbor {
			t.Errorf("the first report is %q, want that it was added", first)
		}
		w.clear()
		must(t, os.Remove(file))
		w.eventually(t, "its removal to be reported", func(got []string) bool {
			return len(got) > 0 && got[len(got)-1] == "removed "+cbor
		})
	})
}

// TestSlowCopy writes a file in small pieces. It is reported once, after the last of them.
func TestSlowCopy(t *testing.T) {
	t.Parallel()
	const attempts = 20
	for range attempts {
		if slowCopy(t) {
			return
		}
	}
	t.Skipf("SKIPPED %s: this machine is too busy to write steadily", t.Name())
}

// slowCopy tells whether it wrote so steadily that the result says something.
func slowCopy(t *testing.T) (steady bool) {
	t.Helper()
	const pieces, pause, settle = 50, 10 * time.Millisecond, 200 * time.Millisecond
	dir := t.TempDir()
	f, err := os.Create(filepath.Join(dir, cbor))
	must(t, err)
	w := start(t, dir, quietLog(), pace{poll: time.Hour, settle: settle}, fsnotify.NewWatcher)
	w.reports(t, "added "+cbor)
	w.clear()

	var longest time.Duration
	last := time.Now()
	next := time.NewTicker(pause)
	defer next.Stop()
	for range pieces {
		<-next.C
		before := last
		last = time.Now()
		_, err := f.WriteString("piece")
		must(t, err)
		longest = max(longest, time.Since(before))
	}
	early := w.texts()
	must(t, f.Close())
	if longest > settle/2 {
		return false
	}
	if len(early) != 0 {
		t.Errorf("while it is being written %q is reported, want nothing", early)
	}
	w.reports(t, "changed "+cbor)
	if took := time.Since(last); took < settle {
		t.Errorf("it is reported %s after the last piece, want it not to be taken for complete before %s", took, settle)
	}
	return true
}

// TestTwoEqualPolls watches without events, in a time of its own, a file that grows between the polls.
func TestTwoEqualPolls(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		const poll, grows = 2 * time.Second, 10
		began := time.Now()
		w, err := open(dir, quietLog(), pace{poll: poll, settle: 200 * time.Millisecond}, noWatch)
		must(t, err)
		defer func() { must(t, w.Close()) }()
		at := func(when time.Duration) { <-time.After(time.Until(began.Add(when))) }
		var last time.Duration
		for n := range grows {
			last = time.Duration(n)*poll + time.Second // between two polls
			at(last)
			must(t, os.WriteFile(filepath.Join(dir, cbor), make([]byte, n+1), 0o600))
		}
		change := <-w.Changes() // Nobody received before: an early report would be this one.
		if took := time.Since(began); change.Kind != Added || took != last+time.Second+poll {
			t.Errorf("it is %s at %s, want it added at the second poll after it grew last, %s", change.Kind, took,
				last+time.Second+poll)
		}
	})
}

// TestLooksThatAreTooNear sees the same at two looks, of which the second is too early to say that it is quiet.
func TestLooksThatAreTooNear(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, cbor), nil, 0o600))
	seen, err := look(dir, nil)
	must(t, err)
	w := &Watcher{reported: map[string]mark{}, pending: map[string]doubt{}, changes: make(chan Change, 1)}
	now := time.Now()
	for _, tt := range []struct {
		after time.Duration
		want  int
	}{{0, 0}, {time.Second - 1, 0}, {time.Second, 1}} {
		at := now.Add(tt.after)
		again := w.compare(seen, at, at.Add(time.Second))
		if len(w.changes) != tt.want || again != (tt.want == 0) {
			t.Errorf("%s after the first look %d changes are reported, another look is wanted: %t; want %d",
				tt.after, len(w.changes), again, tt.want)
		}
	}
}

// TestTwoHosts has two watchers on one directory, without events, as on two nodes.
func TestTwoHosts(t *testing.T) {
	t.Parallel()
	const poll = time.Second
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, msgpack), []byte("1"), 0o600))
	var hosts []*recorder
	for range 2 {
		hosts = append(hosts, start(t, dir, quietLog(), pace{poll: poll, settle: poll / 10}, noWatch))
	}
	for _, w := range hosts {
		w.reports(t, "added "+msgpack) // The looks at the start, which are no polls, are over.
	}
	must(t, os.WriteFile(filepath.Join(dir, cbor), []byte("1"), 0o600))
	began := time.Now()
	for _, w := range hosts {
		w.reports(t, "added "+msgpack, "added "+cbor)
	}
	// A busy machine cannot be held to that, and gets ten times as long.
	took, soon := time.Since(began), 2*poll+time.Second
	t.Logf("the new file is reported after %s; it should be within %s", took, soon)
	if took > 10*soon {
		t.Error("that is ten times as long")
	}
}

// TestEventIsFast does not wait for polls when there is an event.
func TestEventIsFast(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	log := quietLog()
	w, err := Open(dir, Options{Poll: time.Hour, Log: log})
	must(t, err)
	t.Cleanup(func() { must(t, w.Close()) })
	must(t, os.WriteFile(filepath.Join(dir, cbor), []byte("1"), 0o600))
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	select {
	case change := <-w.Changes():
		if change.Kind != Added || change.Name.Short != "cbor" {
			t.Errorf("the change is %+v, want that cbor was added", change)
		}
	case <-deadline.C:
		t.Errorf("the new file is not reported after %s", patience)
	}
}

// TestDirectoryReplaced takes the directory away, which removes nothing, and puts another in its place, which is
// followed.
func TestDirectoryReplaced(t *testing.T) {
	t.Parallel()
	for _, way := range []struct {
		name   string
		create func() (*fsnotify.Watcher, error)
	}{{"events", fsnotify.NewWatcher}, {"polls", noWatch}} {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "plugins")
			fill := func(content string, names ...string) {
				must(t, os.Mkdir(dir+".new", 0o700))
				for _, name := range names {
					must(t, os.WriteFile(filepath.Join(dir+".new", name), []byte(content), 0o600))
				}
				must(t, os.Rename(dir+".new", dir))
			}
			fill("1", cbor, msgpack)
			log, logged := test.NewNullLogger()
			w := start(t, dir, log, byPolls, way.create)
			w.reports(t, "added "+cbor, "added "+msgpack)

			gone := "plugins: cannot look at " + dir + ", so that the plugins stay as they are: open " + dir +
				"/: no such file or directory"
			for n := range 3 {
				w.clear()
				logged.Reset()
				must(t, os.Rename(dir, dir+".old"))
				logs(t, logged, logrus.WarnLevel, gone)
				if n == 0 {
					must(t, os.Rename(dir+".old", dir)) // It was away for a while.
					logs(t, logged, logrus.InfoLevel, "plugins: "+dir+" can be looked at again")
					must(t, os.WriteFile(filepath.Join(dir, "protocol-rpc-0"), nil, 0o600))
					w.reports(t, "added protocol-rpc-0")
					must(t, os.Remove(filepath.Join(dir, msgpack)))
					w.reports(t, "added protocol-rpc-0", "removed "+msgpack)
					continue
				}
				fill("version "+strconv.Itoa(n), cbor, "protocol-rpc-"+strconv.Itoa(n))
				w.reportsInAnyOrder(t, "changed "+cbor,
					"added protocol-rpc-"+strconv.Itoa(n), "removed protocol-rpc-"+strconv.Itoa(n-1))
				must(t, os.RemoveAll(dir+".old"))
				if got := count(logged, gone); got != 1 {
					t.Errorf("that the directory is gone is logged %d times, want once", got)
				}
			}
		})
	}
}

// TestUnmounted puts an empty directory of another file system in the place of the directory, which is what the
// unmounting of a volume looks like.
func TestUnmounted(t *testing.T) {
	t.Parallel()
	volume, mountPoint := t.TempDir(), otherFileSystem(t)
	must(t, os.WriteFile(filepath.Join(volume, cbor), nil, 0o600))
	dir := filepath.Join(t.TempDir(), "plugins")
	lead := func(to string) {
		must(t, os.Symlink(to, dir+".new"))
		must(t, os.Rename(dir+".new", dir))
	}
	lead(volume)
	log, logged := test.NewNullLogger()
	w := start(t, dir, log, byPolls, noWatch)
	w.reports(t, "added "+cbor)
	w.clear()

	lead(mountPoint)
	logs(t, logged, logrus.WarnLevel, "plugins: cannot look at "+dir+", so that the plugins stay as they are: "+
		errUnmounted.Error())
	must(t, os.WriteFile(filepath.Join(volume, msgpack), nil, 0o600))
	lead(volume)
	w.reports(t, "added "+msgpack)

	lead(mountPoint)
	must(t, os.WriteFile(filepath.Join(mountPoint, "protocol-rpc-other"), nil, 0o600))
	w.clear()
	w.reportsInAnyOrder(t, "added protocol-rpc-other", "removed "+cbor, "removed "+msgpack)
	must(t, os.Remove(filepath.Join(mountPoint, "protocol-rpc-other"))) // This is where the volume is now.
	w.eventually(t, "the last removal", func(got []string) bool {
		return slices.Contains(got, "removed protocol-rpc-other")
	})
}

// otherFileSystem returns an empty directory on another file system than that of t.TempDir.
func otherFileSystem(t *testing.T) string {
	t.Helper()
	here, err := os.Stat(t.TempDir())
	must(t, err)
	there, err := os.Stat("/dev/shm")
	if err != nil || device(here) == device(there) {
		t.Skipf("SKIPPED %s: needs /dev/shm on a file system of its own", t.Name())
	}
	dir, err := os.MkdirTemp("/dev/shm", "watch") //nolint:usetesting // t.TempDir is on the other one.
	must(t, err)
	t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
	return dir
}

// TestUnknown looks at entries of which nothing can be learned: that is no change.
func TestUnknown(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, cbor), nil, 0o600))
	seen, err := look(dir, nil)
	must(t, err)
	w := &Watcher{reported: map[string]mark{cbor: seen.marks[cbor]}, pending: map[string]doubt{}}
	seen.marks[cbor] = mark{}
	seen.unknown[cbor] = true
	for range 3 {
		if w.compare(seen, time.Now(), time.Now()) {
			t.Fatal("it takes what is unknown for a change")
		}
	}
}

// TestTooMany fills the directory with so many files that not all are looked at. Plugins that are known stay so.
func TestTooMany(t *testing.T) {
	t.Parallel()
	const plugins = 8
	dir := t.TempDir()
	var added, changed, removed []string
	write := func(content string) {
		for n := range plugins {
			must(t, os.WriteFile(filepath.Join(dir, "protocol-rpc-"+strconv.Itoa(n)), []byte(content), 0o600))
		}
	}
	for n := range plugins {
		added = append(added, "added protocol-rpc-"+strconv.Itoa(n))
		changed = append(changed, "changed protocol-rpc-"+strconv.Itoa(n))
		removed = append(removed, "removed protocol-rpc-"+strconv.Itoa(n))
	}
	write("1")
	log, logged := test.NewNullLogger()
	w := start(t, dir, log, byPolls, noWatch)
	w.reports(t, added...)
	for n := range 2 * maxEntries {
		must(t, os.WriteFile(filepath.Join(dir, strconv.Itoa(n)), nil, 0o600))
	}
	logs(t, logged, logrus.WarnLevel, "plugins: in "+dir+
		" it has more than 1024 entries; some are left out, perhaps plugins too")
	w.clear()
	write("other")
	w.reportsInAnyOrder(t, changed...)
	w.clear()
	for n := range plugins {
		must(t, os.Remove(filepath.Join(dir, "protocol-rpc-"+strconv.Itoa(n))))
	}
	w.reportsInAnyOrder(t, removed...)
}

// TestLogIsBounded has many files with wrong names.
func TestLogIsBounded(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const wrong = 100
	for n := range wrong {
		must(t, os.WriteFile(filepath.Join(dir, strconv.Itoa(n)), nil, 0o600))
	}
	log, logged := test.NewNullLogger()
	w := start(t, dir, log, byEvents, fsnotify.NewWatcher)
	must(t, os.WriteFile(filepath.Join(dir, cbor), nil, 0o600))
	w.reports(t, "added "+cbor)
	got := lines(logged)
	if more := "plugins: in " + dir + " 80 more files are left out"; len(got) != mostLines+1 || got[mostLines] != more {
		t.Errorf("it logs %d lines, the last %q; want %d and %q", len(got), got[len(got)-1], mostLines+1, more)
	}
}

// TestWithoutWatch has the system refuse a watch until it gives one.
func TestWithoutWatch(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var allowed atomic.Bool
	watching := make(chan struct{})
	create := func() (*fsnotify.Watcher, error) {
		if !allowed.Load() {
			return nil, unix.EMFILE
		}
		close(watching)
		return fsnotify.NewWatcher()
	}
	log, logged := test.NewNullLogger()
	w := start(t, dir, log, byPolls, create)
	must(t, os.WriteFile(filepath.Join(dir, cbor), nil, 0o600))
	w.reports(t, "added "+cbor)
	want := "plugins: " + dir + " is polled every 50ms only, since it cannot be watched: too many open files"
	if got := count(logged, want); got != 1 {
		t.Errorf("the missing watch is logged %d times, want once", got)
	}
	allowed.Store(true)
	testkit.Eventually(t, patience, "a watch to be started", func() bool {
		select {
		case <-watching:
			return true
		default:
			return false
		}
	})
}

func TestLostEvents(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	watchers := make(chan *fsnotify.Watcher, 2)
	create := func() (*fsnotify.Watcher, error) {
		watcher, err := fsnotify.NewWatcher()
		watchers <- watcher
		return watcher, err
	}
	log, logged := test.NewNullLogger()
	start(t, dir, log, byEvents, create)
	first := <-watchers
	first.Errors <- fsnotify.ErrEventOverflow
	logs(t, logged, logrus.WarnLevel, "plugins: events of "+dir+" were lost: "+fsnotify.ErrEventOverflow.Error())
	testkit.Eventually(t, patience, "the directory to be watched anew", func() bool { return len(watchers) == 1 })
}

// TestClose ends a watcher whose changes nobody receives.
func TestClose(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, cbor), nil, 0o600))
	must(t, os.WriteFile(filepath.Join(dir, msgpack), nil, 0o600))
	w, err := open(dir, quietLog(), byPolls, fsnotify.NewWatcher)
	must(t, err)
	if change := <-w.Changes(); change.Name.File != cbor { // The next is waiting to be received.
		t.Errorf("the first change is of %s, want %s", change.Name.File, cbor)
	}
	var callers sync.WaitGroup
	for range 4 {
		callers.Go(func() {
			if err := w.Close(); err != nil {
				t.Errorf("Close() = %v, want nil", err)
			}
			if _, open := <-w.Changes(); open {
				t.Error("after Close there still are changes")
			}
		})
	}
	callers.Wait()
}

func BenchmarkLook(b *testing.B) {
	b.ReportAllocs()
	dir := b.TempDir()
	for n := range 8 {
		must(b, os.WriteFile(filepath.Join(dir, "protocol-grpc-"+strconv.Itoa(n)), nil, 0o600))
	}
	for b.Loop() {
		if _, err := look(dir, nil); err != nil {
			b.Fatal(err)
		}
	}
}

// recorder receives all changes of a watcher.
type recorder struct {
	mu      sync.Mutex
	changes []Change
}

// start opens a watcher that ends with the test, and receives its changes.
func start(
	t *testing.T, dir string, log *logrus.Logger, pace pace, create func() (*fsnotify.Watcher, error),
) *recorder {
	t.Helper()
	w, err := open(dir, log, pace, create)
	must(t, err)
	r := &recorder{}
	var receiving sync.WaitGroup
	receiving.Go(func() {
		for change := range w.Changes() {
			r.mu.Lock()
			r.changes = append(r.changes, change)
			r.mu.Unlock()
		}
	})
	t.Cleanup(func() {
		must(t, w.Close())
		receiving.Wait()
	})
	return r
}

func (r *recorder) all() []Change {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.changes)
}

func (r *recorder) clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.changes = nil
}

// texts returns the changes in the form of "added protocol-grpc-cbor".
func (r *recorder) texts() (texts []string) {
	for _, change := range r.all() {
		texts = append(texts, string(change.Kind)+" "+change.Name.File)
	}
	return texts
}

// reports waits until exactly these changes were reported.
func (r *recorder) reports(t *testing.T, want ...string) {
	t.Helper()
	r.eventually(t, fmt.Sprintf("the report of %q", want), func(got []string) bool { return len(got) >= len(want) })
	if got := r.texts(); !slices.Equal(got, want) {
		t.Fatalf("it reports %q, want %q", got, want)
	}
}

// reportsInAnyOrder is reports for changes that need not be seen at one moment.
func (r *recorder) reportsInAnyOrder(t *testing.T, want ...string) {
	t.Helper()
	slices.Sort(want)
	r.eventually(t, fmt.Sprintf("the report of %q", want), func(got []string) bool { return len(got) >= len(want) })
	got := r.texts()
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Fatalf("it reports %q, want %q", got, want)
	}
}

func (r *recorder) eventually(t *testing.T, what string, condition func(got []string) bool) {
	t.Helper()
	testkit.Eventually(t, patience, what, func() bool { return condition(r.texts()) })
}

// logs fails the test unless the line is logged at the level.
func logs(t *testing.T, logged *test.Hook, level logrus.Level, line string) {
	t.Helper()
	testkit.Eventually(t, patience, fmt.Sprintf("the log line %q at level %s", line, level), func() bool {
		return slices.ContainsFunc(logged.AllEntries(), func(entry *logrus.Entry) bool {
			return entry.Level == level && entry.Message == line
		})
	})
}

func lines(logged *test.Hook) (lines []string) {
	for _, entry := range logged.AllEntries() {
		lines = append(lines, entry.Message)
	}
	return lines
}

func count(logged *test.Hook, line string) (n int) {
	for _, logged := range lines(logged) {
		if logged == line {
			n++
		}
	}
	return n
}

func quietLog() *logrus.Logger {
	log, _ := test.NewNullLogger()
	return log
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
