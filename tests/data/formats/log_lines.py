"""Made-up lines of many kinds of log. What stands between « and » is a field of the header as written; an empty pair
is a field that the line does not have."""

import re
from typing import NamedTuple


class Sample(NamedTuple):
    layout: str
    names: tuple[str, ...]
    lines: tuple[str, ...]
    fields: tuple[tuple[str | None, ...], ...]

    @property
    def text(self) -> str:
        return "".join(f"{line}\n" for line in self.lines)


def _sample(layout: str, names: str, marked: str) -> Sample:
    lines = marked.strip("\n").split("\n")
    fields = tuple(tuple(text or None for text in re.findall("«(.*?)»", line)) for line in lines)
    return Sample(layout, tuple(names.split()), tuple(re.sub("[«»]", "", line) for line in lines), fields)


SAMPLES: dict[str, Sample] = {
    "hadoop": _sample(
        "hadoop",
        "date time level process component content",
        """
«2019-03-04» «07:11:02,551» «INFO» [«main»] «org.example.yarn.AppMaster»: «Started for attempt_77_0001»
«2019-03-04» «07:11:03,004» «WARN» [«Socket Reader #1 for port 4711»] «org.example.ipc.Server»: «Slow: 42 ms»
«2019-03-04» «07:11:09,120» «ERROR» [«Fetcher [2]»] «org.example.mr.Fetcher»: «Could not read [block 9]»
""",
    ),
    "android": _sample(
        "android",
        "date time pid tid level component content",
        """
«05-21» «09:00:01.004»   «512»   «730» «D» «PowerPanel»: «going to sleep in 30 s»
«05-21» «09:00:01.120»  «1512»  «1514» «I» «chatty»  : «uid=1000 expire 2 lines»
«05-21» «09:00:02.777»   «512»   «902» «W» «AudioThing»: «no focus: giving up»
""",
    ),
    "bgl": _sample(
        "bgl",
        "label epoch date node time node_repeat type component level content",
        """
«-» «1120000001» «2005.06.28» «R11-M0-N2-C:J03-U01» «2005-06-28-23.06.41.120001» «R11-M0-N2-C:J03-U01» «RAS» \
«KERNEL» «INFO» «cache line 7 repaired»
«APPREAD» «1120000090» «2005.06.28» «R12-M1-N0-I:J18-U11» «2005-06-28-23.08.10.000440» «R12-M1-N0-I:J18-U11» \
«RAS» «APP» «FATAL» «ciod: failed to read message»
«-» «1120000095» «2005.06.28» «R13-M1-N0-C:J10-U01» «2005-06-28-23.08.15.310020» «R13-M1-N0-C:J10-U01» «RAS» \
«LINKCARD» «SEVERE» «link 3 down»
""",
    ),
    "hpc": _sample(
        "hpc",
        "log_id node component state time flag content",
        """
«90210» «node-17» «unix.hw» «state_change.down» «1081000001» «1» «State changed: fan \\042f2\\042 is off»
«90211» «gige3» «gige» «temperature» «1081000055» «1» «warning»
«90399» «node-D4» «action» «start» «1081002000» «1» «boot (command 77)»
""",
    ),
    "thunderbird": _sample(
        "thunderbird",
        "label epoch date user month day time location component pid content",
        """
«-» «1133000001» «2005.11.26» «an101» «Nov» «26» «02:13:21» «an101/an101» «crond(pam_unix)»[«811»]: «session \
opened for user joe»
«-» «1133000002» «2005.11.26» «badmin2» «Nov» «26» «02:13:22» «src@badmin2» «dhcpd»«»: «OFFER on 10.9.8.7»
«VAPI» «1133000008» «2005.11.26» «bn44» «Nov» «26» «02:13:28» «bn44/bn44» «kernel»«»: «[KERNEL_IB] fatal event»
""",
    ),
    "windows": _sample(
        "windows",
        "date time level component content",
        """
«2018-01-09» «11:20:30», «Info»                  «CBS»    «Stack v7.2 is up: core ready»
«2018-01-09» «11:20:31», «Info»                  «CSI»    «00000007@2018/1/9:10:20:31.001 Store opened»
«2018-01-09» «11:20:33», «Error»                 «CBS»    «Failed to lock [HRESULT = 0x80070001]»
""",
    ),
    "healthapp": _sample(
        "healthapp",
        "time component pid content",
        """
«20190105-7:5:9:12»|«Step_Core»|«41000»|«onSensor 12##9»
«20190105-17:15:29:606»|«Step_Core»|«41000»|«calories=41|day»
«20190105-17:15:30:001»|«Sleep_Util»|«41001»|«started»
""",
    ),
    "proxifier": _sample(
        "proxifier",
        "time program content",
        """
[«11.02 08:10:11»] «mail.exe» - «relay.example.org:5070 opened - through proxy»
[«11.02 08:10:12»] «chat.exe *64» - «relay.example.org:5070 closed, 451 bytes sent»
[«11.02 08:11:40»] «mail.exe» - «relay.example.org:5070 error : timeout»
""",
    ),
    "openstack": _sample(
        "openstack",
        "logrecord date time pid level component addr content",
        """
«api.log.1.2018-02-03_10:00:01» «2018-02-03» «00:00:00.040» «2571» «INFO» «nova.api.server» [«req-1f-22 9a 4b \
- - -»] «"GET /v2" status: 200»
«compute.log.1.2018-02-03_10:00:02» «2018-02-03» «00:00:07.100» «88» «WARNING» «nova.virt.cache» [«-»] \
«[instance: 5-a] late»
«api.log.1.2018-02-03_10:00:01» «2018-02-03» «00:00:08.001» «2571» «INFO» «nova.metadata» [«-»] «10.1.1.2 done»
""",
    ),
    "mac": _sample(
        "syslog",
        "month day time host component pid address content",
        """
«Aug»  «9» «08:00:01» «desk-10-1-1-9» «kernel»[«0»«»]: «ARPT: 1200.5: wl0: leave»
«Aug»  «9» «08:00:02» «desk-10-1-1-9» «com.example.launchd»[«1»] («com.example.sub[4711]»): «Service exited: 1»
«Aug» «10» «08:00:03» «desk» «Some Writer»[«912»«»]: «view <0x1f> has no window»
""",
    ),
    "linux": _sample(
        "syslog",
        "month day time host component pid content",
        """
«Feb»  «3» «04:00:01» «box» «sshd(pam_unix)»[«771»]: «check pass; user unknown»
«Feb»  «3» «04:00:02» «box» «syslogd 1.9.2»«»: «restart.»
«Feb» «13» «04:00:02» «box» «-- root»[«88»]: «ROOT LOGIN ON tty9»
«Feb» «13» «04:00:07» «box» «kernel»«»: «eth7: link up, 100 Mbps»
""",
    ),
    "hdfs": _sample(
        "hdfs",
        "date time pid level component content",
        """
«090203» «010203» «77» «INFO» «dfs.Node$Responder»: «block blk_-8811 done»
«090203» «010204» «9» «WARN» «dfs.Names»: «BLOCK* Names.add: 10.0.0.1:50010 size 8»
«090204» «230204» «9» «INFO» «dfs.Names»: «added blk_71»
""",
    ),
    "apache_error": _sample(
        "apache_error",
        "time level content",
        """
[«Mon Feb 06 03:04:05 2006»] [«notice»] «worker init ok /etc/w.properties»
[«Mon Feb 06 03:04:06 2006»] [«error»] «[client 10.3.2.1] Directory index forbidden: /var/www/»
[«Mon Feb 06 03:04:09 2006»] [«error»] «child 7 in state 6»
""",
    ),
    "apache_error_24": _sample(
        "apache_error",
        "time module level pid content",
        """
[«Fri Sep 09 10:42:29.902022 2022»] [«core»:«error»] [pid «31»:tid 42] «[client 10.1.9.8:5000] AH1: no file»
[«Fri Sep 09 10:42:30.000022 2022»] [«mpm_event»:«notice»] [pid «31»:tid 43] «AH2: resuming»
[«Fri Sep 09 10:42:31.000022 2022»] [«ssl»:«warn»] [pid «31»:tid 43] «AH3: no match»
""",
    ),
    "nginx_error": _sample(
        "nginx_error",
        "date time level pid tid content",
        """
«2021/05/06» «07:08:09» [«error»] «331»#«12»: *77 «open() failed, client: 10.7.7.7, server: example.org»
«2021/05/06» «07:08:10» [«notice»] «331»#«0»: «signal 17 received»
«2021/05/06» «07:08:11» [«warn»] «331»#«0»: «conflicting name»
""",
    ),
    "python": _sample(
        "python_dashes",
        "date time component level content",
        """
«2022-10-11» «12:13:14,150» - «shop.cart» - «INFO» - «added 3 - now 5»
«2022-10-11» «12:13:15,150» - «shop» - «WARNING» - «slow»
«2022-10-11» «12:13:16,150» - «root» - «ERROR» - «no stock»
""",
    ),
}
