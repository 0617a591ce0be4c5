package conformance

// storing is the store of files that are named by the SHA-1 of their content.
func storing() []Group {
	const (
		in200 = "answers 200 with the code in the body only"
		hello = "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d"
		empty = "da39a3ee5e6b4b0d3255bfef95601890afd80709"
	)
	invalid := errorObject(400, "invalid hash")
	return []Group{
		{Name: "store", Routes: []string{"/store", "/store/{hash}"}, Cases: []Case{
			it("keeps what is posted, under its hash",
				post("/store", "hello").want(status(202), jsonIs(`{"hash": "`+hello+`"}`)),
				get("/store/"+hello).want(status(202), rawReply(), body("hello"))).needs(Storage),
			it("keeps what is put", put("/store", "hello").want(status(202), jsonIs(`{"hash": "`+hello+`"}`)),
				get("/store/"+hello).want(status(202), rawReply(), body("hello"))).needs(Storage),
			it("keeps what it has already", post("/store", "again ${id}").want(status(202), save("hash", "hash")),
				post("/store", "again ${id}").want(status(202), jsonIs(`{"hash": "${hash}"}`)),
				get("/store/${hash}").want(status(202), rawReply(), body("again ${id}"))).needs(Storage),
			it("keeps nothing as well", post("/store", "").want(status(202), jsonIs(`{"hash": "`+empty+`"}`)),
				get("/store/"+empty).want(status(202), rawReply(), body(""))).needs(Storage),
			it("keeps every byte", post("/store", "\x00\xff\xfe\r\n${id}").want(status(202), save("hash", "hash")),
				get("/store/${hash}").want(status(202), rawReply(), body("\x00\xff\xfe\r\n${id}"))).needs(Storage),
			it("keeps a MiB", post("/store", "").filled(1<<20).want(status(202), save("hash", "hash")),
				get("/store/${hash}").want(status(202), rawReply(), filledBody(1<<20))).needs(MegaBody, Storage),
			it("returns all of it whatever range is asked for", post("/store", "hello").want(status(202), save("hash", "hash")),
				get("/store/${hash}").with("Range", "bytes=1-2").want(status(202), rawReply(), body("hello"))).needs(Storage),
			it("refuses what is no hash", get("/store/nothing").want(invalid), get("/store/0123456789").want(invalid),
				get("/store/"+hello+"0").want(invalid), get("/store/.."+hello[2:]).want(invalid),
				get("/store/g"+hello[1:]).want(invalid)).differs(in200),
			it("refuses a hash in capitals",
				get("/store/AAF4C61DDCC5E8A2DABEDE0F3B482CD9AEA9434D").want(invalid)).differs(in200),
			it("has nothing under a hash that nobody stored",
				get("/store/0123456789012345678901234567890123456789").want(errorObject(404))).
				differs("answers 200 with code 500 in the body"),
		}},
		{Name: "store that cannot write", Routes: []string{"/store", "/store/{hash}"}, Needs: []Capability{Files},
			Settings: []string{"--data-path=${dir}/file/data"}, Prepare: writeFiles("file", "no directory"), Cases: []Case{
				it("says so", post("/store", "hello").want(errorObject(500, "writing file failed"), lacks("${dir}"))).
					differs(in200),
				it("lets the rest work", get("/readyz").want(status(200), jsonIs(isOK))),
			}},
	}
}
