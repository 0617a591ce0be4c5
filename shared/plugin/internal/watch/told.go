package watch

import (
	"time"

	"github.com/sirupsen/logrus"
)

// mostLines bounds how many lines one look logs about single entries.
const mostLines = 20

// told logs what is wrong once, and again when it has been right in between.
type told struct {
	dir  string
	poll time.Duration
	log  *logrus.Logger

	noWatch  string
	noLook   string
	problems map[string]string // by entry
}

// watch is told whether the directory is watched.
func (t *told) watch(err error) {
	if t.isNew(&t.noWatch, err) {
		t.log.Warnf("plugins: %s is polled every %s only, since it cannot be watched: %v", t.dir, t.poll, err)
	}
}

// look is told whether the directory could be looked at.
func (t *told) look(err error) {
	was := t.noLook
	if t.isNew(&t.noLook, err) {
		t.log.Warnf("plugins: cannot look at %s, so that the plugins stay as they are: %v", t.dir, err)
	}
	if was != "" && err == nil {
		t.log.Infof("plugins: %s can be looked at again", t.dir)
	}
}

// lost is told that events are missing.
func (t *told) lost(err error) {
	t.log.Warnf("plugins: events of %s were lost: %v", t.dir, err)
}

// entries is told what is wrong with the entries, by their names.
func (t *told) entries(problems map[string]string) {
	names, more := newest(problems, t.problems, mostLines)
	for _, name := range names {
		t.log.Warnf("plugins: in %s %s", t.dir, problems[name])
	}
	if more > 0 {
		t.log.Warnf("plugins: in %s %d more files are left out", t.dir, more)
	}
	t.problems = problems
}

// isNew notes the text of err, and tells whether it is one that was not there before.
func (t *told) isNew(last *string, err error) bool {
	was := *last
	*last = ""
	if err != nil {
		*last = err.Error()
	}
	return *last != "" && *last != was
}
