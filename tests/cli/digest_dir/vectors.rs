//! Frozen digests, made by the tools themselves, which are not at hand wherever the tests run.
//!
//! `h1` by golang.org/x/mod v0.42.0 (sumdb/dirhash, Hash1, no prefix); `dirhash` by the `PyPI` package
//! of that name, 0.5.0; `nar`, `nar-base32` and `swh` by a script of their specifications.

use super::digest;
use super::trees::{samples, sandbox};

/// Directory, format, digest; `!` where the tool refuses, too.
const VECTORS: &str = "
plain h1 h1:w5fprg0gVai7j3gNxxLQNdVqjEgBDCq00+MyUNHUaJ8=
plain in-toto c397e9ae0d2055a8bb8f780dc712d035d56a8c48010c2ab4d3e33250d1d4689f
plain dirhash 4682ca23cc5823720fc1be30d5055c0c5c658fe95c43aa1b50cc8b1714b73e8c
plain nar sha256-x/rN5r+hnTdPRPpw9M1od7rYRaBbx+shzpcMrPhvyZ0=
plain nar-base32 17f9dzwaq34prqhypisvl12xifkpd36z8w7s8i7kg7d1pzkcvyn7
plain swh swh:1:dir:1e91e9fe3b17f516c4522e6a646c5773fb1db681
order h1 h1:p6gbuU270XglYuWk+llChVunpGotQUsrFxL5/qzIpy4=
order in-toto a7a81bb94dbbd1782562e5a4fa5942855ba7a46a2d414b2b1712f9feacc8a72e
order dirhash 924f9ac2bd0e3ab9b69ece5541a45092ad9ec4d22bd15f260f394c61b9fa739c
order nar sha256-WCbzhjzsrVTPNgnbKAz74pZjOClK/tWn2wyR2pfuCcA=
order nar-base32 1h09xsbxm48cvfkxbzja54w675p2zc62inq96v7m9bgc7j3g69jq
order swh swh:1:dir:7d907af835d198762646323a12abc903a095befa
escapes h1 !
escapes in-toto !
escapes dirhash 1bb9bbe9cfb22c9c1a45b7e3f6b9f47c5658e8560e53437fe3e2a4f1e0f1841f
escapes nar sha256-bxZkc9/V+0vJLllZgbfZQ5cWFC2AxACoRvv25NS63pM=
escapes nar-base32 14yypbaf9xpv8sl01i405la1d5s3v6vq2nar5v4lpyymvxrn85kg
escapes swh swh:1:dir:5d5fe299eac497f562d2be6db6c32ba56e64aea9
empties h1 h1:6T8Gic8M4DDwTY8+oTN+owaR301vlr/vcfPMRvifVVM=
empties in-toto e93f0689cf0ce030f04d8f3ea1337ea30691df4d6f96bfef71f3cc46f89f5553
empties dirhash e86131f3349d580ae88c1953646ddc783a1508621fdff50f63c5fbd65bde0c2f
empties nar sha256-bVkFDyyLuDYxH6jv2ldshVGf3ZJiXr5Px35XdX4jGpk=
empties nar-base32 168s4dz7amvyqx7vwpk2jbfrylc5dibxmvx83wqkdf4b5h7hanbd
empties swh swh:1:dir:09d0f87b3936cc470571f88456259bda3426d996
bytes h1 h1:gJsO7mWlmV+E3Ldf1XoVff5VNs/PEiG/Cq5lmnrkGcU=
bytes in-toto 809b0eee65a5995f84dcb75fd57a157dfe5536cfcf1221bf0aae659a7ae419c5
bytes dirhash !
bytes nar sha256-u3oBDFagaud949Av7kKH33ZxAVZz7f3hWMVm8OGHu5g=
bytes nar-base32 165vhzhz0rn5b3hzvvbkaq0p2xnzhx1fwbyhwdyyfsm0aq602ymv
bytes swh swh:1:dir:07207bd53c08fa347cb325b898d00885db7969a1
file-links h1 h1:HbF0WBRLO3SUBxfjC5wmr4v2JwvZpbfq8+LboaQritc=
file-links in-toto 1db17458144b3b74940717e30b9c26af8bf6270bd9a5b7eaf3e2dba1a42b8ad7
file-links dirhash 9593a26e3ca58162a0de8e2704537c484201add79f55ff612bf4494c4cb865a3
file-links nar sha256-QmRV6qiJdBliBLPdmwC+iF4BDWUmekhcdB6meSlGTPI=
file-links nar-base32 1wjc8qlpk9hyfif4hyi6cl6h2pl8pq09ppdk0ii1jx49m3m5ar22
file-links swh swh:1:dir:f697a24b96a3b1daaa1434d449a6c8a59e2e84e5
dir-links h1 !
dir-links in-toto !
dir-links dirhash f4268004c150aad2a59816fb31a6e13b1276c22176d9ebe63b66f6f7601705d8
dir-links nar sha256-VeDjeQwpExV7MvXftyHYi9KfnSMjfewYwjIRnrIe6Us=
dir-links nar-base32 0jz93sr9w49jq8cfqz934ffrzllbv0hvgpzm69xia4r91iwy7q2m
dir-links swh swh:1:dir:c9d59123d8f56913f501e3d56e9168df1e74eeaf
loose-links h1 !
loose-links in-toto !
loose-links dirhash !
loose-links nar sha256-akmoyLN6lOqku4Np67Wu47BhOo+5vDN3bBvOCzQbM4M=
loose-links nar-base32 10rk3cs0pkhvdivk7g5riwx63c73mssynsc3pfjfm53sng4ahjba
loose-links swh swh:1:dir:e1fab42fd568ef8f165562816e2ce59c96cd5ea7
";

#[test]
fn digests_are_those_of_the_tools() {
    let sandbox = sandbox(&samples());
    for line in VECTORS.trim().lines() {
        let [dir, format, expected] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        if expected == "!" {
            let output = sandbox.gitops(&["digest-dir", "--format", format, dir]);
            assert_eq!((output.code, output.stdout.as_str()), (2, ""), "{line}");
            continue;
        }
        assert_eq!(digest(&sandbox, &["--format", format, dir]), expected, "{line}");
        if expected.contains([':', '-']) {
            digest(&sandbox, &["--expect", expected, dir]);
        }
    }
}

/// `gd1` is frozen: should one of these change, the new format is `gd2`.
#[test]
fn gd1_never_changes() {
    let sandbox = sandbox(&samples());
    for line in GD1.trim().lines() {
        let (dir, expected) = line.split_once(' ').unwrap();
        let output = sandbox.gitops(&["digest-dir", "--expect", expected, dir]);
        assert_eq!(output.code, 0, "{line}: {}", output.render());
    }
}

const GD1: &str = "
plain gd1:e6d7976490591ee72ad2a92c328342b0620ebfe6ca652e943898b8021b575a62
plain gd1d:aee6442db03ec59e23d55c88e85194dfd0fd0141716e9ed80bf0ecf0508d8e5b
plain gd1x:ace31179bc662fc0b4e593bad8afde3f3e9eb20633b85998a4cb83176b25d9c5
plain gd1xd:e67ac7e13e70d031df5d903ad78b6437fe2218d81ed1210dba00d067cc1ec146
order gd1:6435d190da564f87b35e97d70d148a4e9963e2fd2006e1d806d87acfe81eef1c
order gd1d:f4e259ea29cbc64f5cc22228d5f1d5729c52e2c035071b58a5ede4cc3bde8ee4
order gd1x:13e4b3568cff99506a4768e309bc374e12c3425208bf5b6df501abdc3fa24a5c
order gd1xd:ed71eeba6c138a166c227280fa543fabdc297c43c5e8db8e8eb4985a75b11604
escapes gd1:a0556f11dbc250cdc737b6620f3cb4c8419875e5e716125aef8199e7af977d60
escapes gd1d:1fe4666bc478e7ae5ba9365ab6aff71021f16f46e96db001bb0c49969b10797e
escapes gd1x:1db9746dd440db952bc86c3b3b2601c4f3810d84a5ece70dab462579e6601b55
escapes gd1xd:630a5a5289603d0b38f768c980b31bcead7b8a6f139b6470f1e4e715f12c24ba
empties gd1:84e1c41016fa35c349fb98d55e757b9303334b4d88af1cbe149ce45cd7315260
empties gd1d:7e118688b13d85ebbc5d39e14fb15e9cb39f2550a98ff6ca96223a8f6301dc06
empties gd1x:175ee41e03e69ccb8416b7b4b5cdf55a9b2956cf588bcc74253434c94bb3af54
empties gd1xd:a67bf1deaf8b9af6a184b2e85d5c84e1fc9cf98178fd2c2a2cf0e27ee6d926d7
bytes gd1:921bc43a9a3ef0aeea683768892a761b84bbf0e0c24b907dc19e768d02189bcb
bytes gd1d:9ff30cc360cd6f9f04e6dfbfa00884184824e023db3d414b68a965ea2f6d7921
bytes gd1x:891fb67492789b6cf3852f78fa04ccf99a64475c20553e663fb2f299957069d7
bytes gd1xd:519b3d2a4be8d344afd749ca3460e7bb11480303db454449b8f841f3761bc12d
file-links gd1:7177a3f67bf9b879d184cb54ca4f27b88e2c04146c32e55966d85b47a95f0f59
file-links gd1d:f78c1d1248d2a7ac915bcc9c3488b8edecc31f5a1d524f9c830f383f9003c86d
file-links gd1x:cc490a43ff272f120d0a3a94e4c3e3e6ecc2573c65f4151e40618de3ef40f476
file-links gd1xd:37df719f1c3c8440563e3a3ee4124f7e8495c7c9f8bd0a3a832d41f288523294
dir-links gd1:c8841cbb267c46d5cf7ec359ef95dbf9ee8dd923700fd640a2159f40c5a8944f
dir-links gd1d:37351757ccd2cd8bc644e6701c3b5ec9298415b198d37fa6cbb9cd227afb3e1b
dir-links gd1x:e89cd24bdfc6f5521a250fb3b3e5ee88668ed90bdbcd601081fb0d45f54b64ae
dir-links gd1xd:e2d1e077bb276fe5f9cf039e6a26ec6b5f70f26a7a08410249aab1aa318f401a
loose-links gd1:2097a85d21e1fe428764c9ce965be39813af2cd9dbcbfdb01adbdde09264d80b
loose-links gd1d:f949fcafa00b4e050c4729bb5053c45e483e72bca9fbae278e7f1c6ce7aa07d4
loose-links gd1x:80ef7cf8c05c63ab91616b75624ecde94a3a6e8b8e12dd6aac00007cd35505e0
loose-links gd1xd:75af8780717393816c0c8dac1af799dcf4952cb08aaf6e1cabb2e8b4fbebd37f
";
