import svcfw
import svcfw.service


class FileService(svcfw.service.Service):
    @svcfw.service.expose(policy=svcfw.service.AllowAny())
    @svcfw.service.arg_spec(spec={'path': str})
    def read_file(self, path):
        with open(path, 'rb') as fp:
            return fp.read()


def download_file(source_context, path):
    s = source_context.call_service(service_name=FileService, method_name='read_file', path=path)
    with open(path, 'wb') as fp:
        fp.write(s)


def download_some_files(source_context, paths):
    for path in paths:
        download_file(source_context, path)


@svcfw.main()
def main(router):
    pool = svcfw.service.Pool(router, services=[FileService(router)])
    remote = router.ssh(hostname='k3')
    remote.call(download_some_files, source_context=router.myself(), paths=['/etc/passwd', '/etc/hosts'])
    pool.stop()
