# A device on loopback: skipped where there is no sshd.
quench_test(remote_ssh_test SOURCES remote_ssh_test.cpp USES remote)
quench_test(remote_test SOURCES remote_test.cpp USES remote
            NEEDS mounting "FullDiskTest.*" sshd "RemoteDeviceTest.*")
