package wire

import (
	"fmt"
	"mime"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
)

// result reads the value of an answer.
func result(c carrier) (any, error) {
	value, err := c.unpack()
	if err != nil {
		return nil, unusable(err)
	}
	return value, nil
}

// checkInfo returns what a plugin says of itself as it can be shown.
func checkInfo(info contract.Info) (contract.Info, error) {
	info.Name = printable(info.Name)
	info.Version = printable(info.Version)
	info.Description = printable(info.Description)
	if info.ContentType == "" {
		return info, nil
	}
	if _, _, err := mime.ParseMediaType(info.ContentType); err != nil || len(info.ContentType) > maxText {
		return contract.Info{}, unusable(fmt.Errorf("its content type %.64q is no media type, such as application/cbor",
			info.ContentType))
	}
	return info, nil
}
